"""The server's log: text as the command writes it, or a JSON object a line."""

import logging
import sys
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from rag.settings import LogFormat
from ui.answering.request_context import current_request

OWN_LOGGERS = ("ui", "rag", "retriever")
"""They tell in JSON of all requests; of libraries there are warnings alone."""


def configure(log_format: LogFormat, stream: TextIO = sys.stderr) -> None:
    """Write the log in this format from now on."""
    if log_format == "text":
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter(
            ("levelname", "name", "message"),
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            json_ensure_ascii=False,
        )
    )
    handler.addFilter(_add_request)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)


def _add_request(record: logging.LogRecord) -> bool:
    """Say in which request something was logged, unless it says so itself."""
    request = current_request.get(None)
    if request and not hasattr(record, "request"):
        record.request, record.way = request.id, request.way
    return True
