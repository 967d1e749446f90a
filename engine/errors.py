"""Everything that the engine can tell a person, each in one line that says what to do next."""


class EngineError(Exception):
    """A failure that a person can act on; its text is the whole message. Exit code 1."""

    exit_code = 1


class ConfigError(EngineError):
    """The request itself is wrong: an unknown key, scene or value. Exit code 2, as for usage."""

    exit_code = 2


class ModelError(EngineError):
    """A model folder is missing, altered or does not fit."""


class DeviceError(EngineError):
    """A microphone, a file of sound, a GPU or a display cannot be used."""


class DeliveryError(EngineError):
    """A port, a certificate or an output file cannot be used."""


class GalleryError(EngineError):
    """A gallery of enrolled people cannot be opened, read or changed; nothing was overwritten."""
