"""python -m training.export NAME ...: runs training/NAME/export.py (add --help for more)."""

import sys

from .fit import dispatch

if __name__ == "__main__":
    sys.exit(dispatch("export", "export", sys.argv[1:]))
