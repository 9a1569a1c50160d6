"""``python -m gateway`` is the command line."""

import sys

try:
    from gateway.cli import main

    sys.exit(main())
except KeyboardInterrupt:  # before the command line could hear it
    sys.exit(130)
