"""Structured logs as JSON lines, with a redaction that no caller can forget."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

SECRET_NAMES: Final = re.compile(
    r"phone|email|contact|recipient|password|secret|token|api_key|authorization|payload|body|address"
)
PHONE: Final = re.compile(r"(?<![\w.:-])\+?\d[\d ]{7,13}\d(?![\w.:-])")
CREDENTIALS: Final = re.compile(r"://\S*@")
EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
HIDDEN: Final = "[redacted]"
PLAIN: Final = {"event", "level", "timestamp", "logger", "service"}
Event = MutableMapping[str, Any]


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


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and every library's logging to standard error as redacted JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
    for noisy in ("aiokafka", "faust", "mode", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
