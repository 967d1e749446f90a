"""Where a gallery's rows lie: a SQLite file, or PostgreSQL with pgvector."""

from .store import Row, Seen, Store, open_store

__all__ = ["Row", "Seen", "Store", "open_store"]
