"""Scanned speech on a mesh of another topology (VOCASET's layout), as motion of our head."""
