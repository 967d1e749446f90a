"""Showing a session to people and programs: the page over WebRTC, files, MQTT, motion."""

from .broker import MqttConfig
from .files import FilesConfig, Writers
from .outlets import MotionConfig
from .server import DeliverConfig, Server

__all__ = ["DeliverConfig", "FilesConfig", "MotionConfig", "MqttConfig", "Server", "Writers"]
