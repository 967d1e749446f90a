"""Log lines for people, or one JSON object a line for programs; both to standard error."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

Form = Literal["words", "json"]


class JsonLines(logging.Formatter):
    """{"time", "level", "logger", "message"}, and "exception" where there was one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(form: Form, verbose: bool) -> None:
    """Words: warnings alone unless `verbose`. JSON: also what the engine says of its running."""
    handler = logging.StreamHandler()
    words = logging.Formatter("likeness: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else words)
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=form == "json")
    if form == "json":
        logging.getLogger("likeness").setLevel(logging.INFO)
