"""``python -m gateway`` is the command line."""

import sys

from gateway.cli import main

sys.exit(main())
