"""The inbox of the demo: every SMS and e-mail as a phone would show it, on a page of this machine."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape

from buuta.model.zones import told_time
from buuta.web.edge import edge_app
from buuta.web.limits import HttpLimits

SHOWN: Final = 200
LIMITS: Final = HttpLimits(body_bytes=1_000, inside_bytes=1_000_000)
LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]", re.ASCII)
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
LETTER: Final = {
    "Content-Security-Policy": "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""An e-mail as HTML may do nothing, and stands in a frame of the inbox."""
FILES: Final = {"inbox.css": "text/css", "inbox.js": "text/javascript"}
FOLDER: Final = Path(__file__).parent / "pages"


class Channel(StrEnum):
    """How a message came."""

    SMS = "sms"
    EMAIL = "email"


@dataclass(frozen=True)
class Message:
    """A message as it was received, complete; `alphabet` and `segments` are those of an SMS."""

    channel: Channel
    at: datetime
    sender: str
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    segments: int = 1
    alphabet: str = ""

    @property
    def time(self) -> str:
        """When it came, as people read it."""
        return told_time(int(self.at.timestamp() * 1000))


class Inbox:
    """Messages of all people, in the order in which they came."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def add(self, message: Message) -> None:
        """Keep a message."""
        self.messages.append(message)

    def of(self, recipient: str) -> Iterator[tuple[int, Message]]:
        """Messages with their numbers, the newest first; of one recipient, or of all where that is empty."""
        wanted = _digits_or_name(recipient)
        for number in range(len(self.messages) - 1, -1, -1):
            message = self.messages[number]
            if wanted in ("", _digits_or_name(message.recipient)):
                yield number, message


def _digits_or_name(recipient: str) -> str:
    """A recipient in one spelling: `+84 912 345 678`, `84912345678` and `0912345678` are one phone."""
    if "@" in recipient:
        return recipient.strip().lower()
    digits = re.sub(r"[^0-9]", "", recipient)
    return f"84{digits[1:]}" if digits.startswith("0") else digits


def linked(text: str) -> Markup:
    """A text with its links as links, and nothing else of it as HTML."""
    parts, at = [], 0
    for found in LINK.finditer(text):
        parts.append(escape(text[at : found.start()]))
        parts.append(Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(found[0]))
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def app_of(inbox: Inbox) -> FastAPI:
    """The page, its files, and the same as JSON; it answers to names of this machine alone."""
    app = edge_app("Inbox of the demo", "What was sent by SMS and e-mail.", LIMITS)
    pages = Environment(loader=FileSystemLoader(FOLDER), autoescape=select_autoescape())
    pages.filters["linked"] = linked

    @app.middleware("http")
    async def only_here(request: Request, call_next: Any) -> Response:
        """Refuse names that are not this machine's: another site's page could be pointed here by its DNS."""
        if request.url.hostname not in ("127.0.0.1", "localhost", "::1"):
            return Response("Only on this machine.", 403)
        answer: Response = await call_next(request)
        answer.headers.setdefault("Content-Security-Policy", POLICY)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/inbox")

    @app.get("/inbox")
    async def page(to: str = "") -> HTMLResponse:
        found = list(inbox.of(to))
        shown: Sequence[tuple[int, Message]] = found[:SHOWN]
        return HTMLResponse(pages.get_template("inbox.html").render(to=to, count=len(found), shown=shown))

    @app.get("/inbox.json")
    async def as_json(to: str = "") -> JSONResponse:
        rows = [
            {
                "channel": each.channel, "received_at": each.at.isoformat(), "sender": each.sender,
                "recipient": each.recipient, "subject": each.subject, "text": each.text,
                "segments": each.segments, "alphabet": each.alphabet,
            }
            for _, each in inbox.of(to)
        ]  # fmt: skip
        return JSONResponse(rows)

    @app.get("/inbox/{number}.html")
    async def letter(number: int) -> HTMLResponse:
        if not 0 <= number < len(inbox.messages) or not inbox.messages[number].html:
            raise HTTPException(404, "There is no such e-mail.")
        return HTMLResponse(inbox.messages[number].html, headers=LETTER)

    @app.get("/{name}")
    async def file(name: str) -> Response:
        if name not in FILES:
            raise HTTPException(404, "There is nothing here; see /inbox.")
        return Response((FOLDER / name).read_text(encoding="utf-8"), media_type=FILES[name])

    return app
