"""Stores made small, to be sent to another machine, and back: one file a kind of store here."""
