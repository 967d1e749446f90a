"""Who is this: faces against a gallery of enrolled people, decided over time.

`from engine import Verifier` is the door; `python -m engine.verify` the command line.
"""
