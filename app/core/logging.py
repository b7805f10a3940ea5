"""Logs: structlog, one JSON line per event on stderr, and a redaction that every line passes.

What may be logged is an allow-list kept by whoever writes the line: ids, counts, names of rules, durations. The
redaction here is the second net: it drops what is known to be personal or secret, and shortens what is too long.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from app.core.api_keys import API_KEY_PATTERN
from app.core.errors import AcequiaError
from app.core.tokens import TOKEN_PATTERN

_DROPPED_KEYS = frozenset(
    {
        "body", "headers", "query", "query_string", "payload", "document", "email", "phone", "password", "secret",
        "token", "authorization", "cookie", "app_token", "app_key", "access_token", "refresh_token", "signature",
        "url", "path", "credentials", "key", "name", "first_name", "last_name",
    }
)  # fmt: skip
_SECRETS = re.compile(
    TOKEN_PATTERN.pattern
    + "|"
    + API_KEY_PATTERN.pattern
    + r"|whsec_[A-Za-z0-9+/=]+|vtexappkey-[\w-]+|v1,[A-Za-z0-9+/=]{20,}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    + r"|//[^/\s:@]*:[^/\s@]+@"
)
_TEXT_CHARACTERS_MAX = 500
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(process: str, level: str) -> None:
    """Every logger of this process, ours and the libraries', writes JSON lines with `process` on stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _add_process(process),
        _describe_exception,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    # Libraries that would log addresses of calls (with tokens in them) at info.
    for name in ("httpx", "httpcore", "aiohttp", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


def get_logger() -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("events.applied", tenant=56, count=12)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def redact(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops what must not be logged, scrubs texts, and keeps only plain values."""
    del logger, method
    return {name: _scrub(value) for name, value in line.items() if name == "_record" or name not in _DROPPED_KEYS}


def scrub_text(text: str) -> str:
    """A text without tokens, secrets and e-mail addresses, shortened."""
    short = text if len(text) <= _TEXT_CHARACTERS_MAX else text[:_TEXT_CHARACTERS_MAX] + "…"
    return _SECRETS.sub("[redacted]", short)


def _scrub(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | logging.LogRecord):
        return value
    if isinstance(value, list | tuple):
        return [_scrub(item) for item in value[:50]]
    if isinstance(value, dict):
        return {str(name): _scrub(item) for name, item in value.items() if name not in _DROPPED_KEYS}
    return "[bytes]" if isinstance(value, bytes) else scrub_text(str(value))


def _describe_exception(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces an exception by its class and the places it passed. A foreign message may hold a row's values."""
    del logger, method
    given = line.pop("exc_info", None)
    if not given:
        return line
    error = given if isinstance(given, BaseException) else (given[1] if isinstance(given, tuple) else sys.exc_info()[1])
    if error is None:
        return line
    line["error_class"] = type(error).__name__
    if isinstance(error, AcequiaError):
        line["error_message"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    line["error_at"] = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return line


def _add_process(process: str) -> Any:
    def add(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        del logger, method
        line["process"] = process
        return line

    return add


def _render(logger: Any, method: str, line: MutableMapping[str, Any]) -> str:
    del logger, method
    return orjson.dumps(dict(line), default=str).decode()
