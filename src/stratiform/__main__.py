"""`python -m stratiform`."""

import sys

from stratiform.cli import main

sys.exit(main())
