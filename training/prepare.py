"""python -m training.prepare NAME ...: makes a data set by training/NAME/prepare.py."""

import sys

from .fit import dispatch

if __name__ == "__main__":
    sys.exit(dispatch("prepare", "prepare", sys.argv[1:]))
