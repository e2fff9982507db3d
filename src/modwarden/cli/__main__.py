"""`python -m modwarden.cli`: the command line without an installed script."""

import sys

from modwarden.cli import main

if __name__ == "__main__":
    sys.exit(main())
