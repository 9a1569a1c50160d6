"""Benchmark: what the reading copy costs, to events.

``python scripts/bench_reading.py``: interleaved rounds at full speed, one half of them with
``http.listen`` set, so that a thread copies what the journal stores. ``--page PATH``: another
process asks for that path each second meanwhile. The goal is 0.97 of the events a second.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.bench.beside import compare, options_of
from scripts.bench.harness import Client


def main() -> int:
    """Run the rounds and print the ratio."""
    parser = options_of(__doc__, durability="normal,full")
    parser.add_argument("--page", metavar="PATH", help="asked for each second, e.g. /v1/status")
    options = parser.parse_args()
    for durability in filter(None, options.durability.split(",")):
        module = "scripts.bench.client_gateway"
        off = Client(name="off", module=module, options={"durability": durability})
        on = Client(
            name="copied",
            module=module,
            options={"durability": durability, "listen": True, "page": options.page},
        )
        print(f"{durability}: {compare(off, on, options)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
