"""Showing a session to people: the page over WebRTC, and files."""

from .files import FilesConfig, Writers
from .server import DeliverConfig, Server

__all__ = ["DeliverConfig", "FilesConfig", "Server", "Writers"]
