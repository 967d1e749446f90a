"""How fast this engine is on this machine, against its own bounds."""
