"""Structured logs as JSON lines, with a redaction that no caller can forget and a limit on repetition.

Tracebacks quote no library: `tracebacks.py`.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from buuta.telemetry import tracebacks

SECRET_NAMES: Final = re.compile(
    r"phone|email|contact|recipient|password|secret|token|api_key|authorization|payload|body|address"
)
PHONE: Final = re.compile(r"(?<![\w.:-])\+?\d[\d ]{7,13}\d(?![\w.:-])", re.UNICODE)
CREDENTIALS: Final = re.compile(r"://\S*@", re.UNICODE)
EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+", re.UNICODE)
HIDDEN: Final = "[redacted]"
PLAIN: Final = {"event", "level", "timestamp", "logger", "service"}
QUIET_SECONDS: Final = 10.0
MOST_REASONS: Final = 1000
FIGURES: Final = re.compile(r"\d[\d.]*", re.UNICODE)
WITNESS: Final = "buuta.witness"
"""The logger of who looked at, erased or confirmed what: it is written whatever the level of the rest."""
Event = MutableMapping[str, Any]
Reason = tuple[str, str, str, str]


def redact(_: Any, __: str, event: Event) -> Event:
    """Hide values under names that hold personal data or secrets, and phones and e-mails anywhere."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if name not in PLAIN and SECRET_NAMES.search(name.lower()):
        return HIDDEN
    if isinstance(value, str) and name not in {"timestamp", "level"}:
        return EMAIL.sub(HIDDEN, PHONE.sub(HIDDEN, CREDENTIALS.sub(f"://{HIDDEN}@", value)))
    if isinstance(value, dict):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, inner) for inner in value]
    return value


class Quiet(logging.Filter):
    """Lets one warning or error through each ten seconds for each reason; the next says how many were dropped.

    A reason is the logger, the event without its figures, the error and the part that is waited for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[Reason, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if record.levelno < logging.WARNING:
            return True
        reason, now = reason_of(record), self._clock()
        said_at, dropped = self._said.get(reason, (now - QUIET_SECONDS, 0))
        if now - said_at < QUIET_SECONDS:
            self._said[reason] = said_at, dropped + 1
            return False
        if len(self._said) > MOST_REASONS:
            self._said.clear()
        self._said[reason] = now, 0
        if dropped:
            _say_dropped(record, dropped)
        return True


def reason_of(record: logging.LogRecord) -> Reason:
    """What two lines have in common that say the same once more."""
    said: Any = record.msg if isinstance(record.msg, dict) else {"event": record.msg}
    raised = record.exc_info[0] if record.exc_info else None
    event, part = str(said.get("event")), str(said.get("part", ""))
    traceback = str(said.get("exception", "")).rpartition("\n")[2].partition(":")[0]
    error = str(said.get("error", "")) or (raised.__name__ if raised else traceback)
    return record.name, FIGURES.sub("#", event), FIGURES.sub("#", part), error


def _say_dropped(record: logging.LogRecord, dropped: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "dropped": dropped}
    else:
        record.dropped = dropped


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and every library's logging to standard error as redacted JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(tracebacks.shown),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )

    def name_service(_: Any, __: str, event: Event) -> Event:
        event["service"] = service
        return event

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Quiet())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                name_service,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger(WITNESS).setLevel(logging.INFO)
    for noisy in ("aiokafka", "faust", "mode", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
