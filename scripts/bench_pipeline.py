"""Benchmark: frame to handler to acknowledgement, beside plain scripts in the same run.

``python scripts/bench_pipeline.py --help``; the method is in ``docs/performance.md``.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
runpy.run_module("scripts.bench", run_name="__main__")
