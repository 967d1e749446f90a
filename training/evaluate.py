"""python -m training.evaluate NAME ...: runs training/NAME/evaluate.py (add --help for more)."""

import sys

from .fit import dispatch

if __name__ == "__main__":
    sys.exit(dispatch("evaluate", "evaluate", sys.argv[1:]))
