"""HTTP connections with limits: uvicorn's own protocol keeps a head of any size and waits for it without end.

What is held back here never reaches an application: too many connections, a head that is too large or too slow, a
body that goes on behind its answer, a reader that does not read.
"""

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from buuta.model.networks import Network, is_among, plain, senders_of
from buuta.telemetry import metrics
from buuta.telemetry.answers import closing_problem
from buuta.telemetry.turns import Crowd, Reading

MOST_CONNECTIONS: Final = 2_000
MOST_OF_ONE: Final = 500
"""Connections of a process, and of one sender's addresses; trusted proxies are many in one."""
MOST_WAITING: Final = 8
MOST_AT_ONCE: Final = 2_000
"""Pipelined requests that wait behind one of their connection; requests under way or waiting in a process."""
PIECE_BYTES: Final = 32 * 1024
"""What is parsed of a connection before the others have their turn."""
MOST_URL_BYTES: Final = 8 * 1024
MOST_HEADERS: Final = 100
MOST_HEAD_BYTES: Final = 32 * 1024
HEAD_SECONDS: Final = 10.0
"""From the first byte of a request, or the connection's beginning, until its headers are there."""
REST_SECONDS: Final = 2.0
"""How long the rest of a body is thrown away that was answered early, so that its sender can read the answer."""
UNREAD_SECONDS: Final = 20.0
"""How long an answer may lie unread."""
REFUSALS: Final = {
    "url_too_long": (414, f"the URL has more than {MOST_URL_BYTES} bytes"),
    "headers_too_large": (431, f"send at most {MOST_HEADERS} headers, in all {MOST_HEAD_BYTES} bytes"),
    "head_too_slow": (408, f"the headers took longer than {HEAD_SECONDS:g} s"),
    "too_many_pipelined": (
        429,
        f"let at most {MOST_WAITING} requests of a connection wait; send the rest again",
    ),
    "request_malformed": (400, "this is no HTTP request"),
}


class HeadRefused(Exception):
    """The head of a request is beyond a limit; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with limits on what comes before an application is asked, and after it has answered."""

    trusted: ClassVar[tuple[Network, ...]] = ()
    """Networks of proxies, which have as many connections as they like."""
    crowd: ClassVar[Crowd] = Crowd()
    """What it shares with the other connections of its listener."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = True
        self._head_bytes = 0
        self._headers = self._header_bytes = 0
        self._code = "request_malformed"
        self._refused = False
        self._owed: str | None = None
        self._unparsed = b""
        self._counted = 0
        self._active: Any = None
        self._sender = ""
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self.flow = Reading(transport, self._has_enough)
        address = ""
        if self.client is not None:
            address = plain(self.client[0])
            self.client = address, self.client[1]
        self._sender = senders_of(address)[0]
        self.crowd.of_one[self._sender] += 1
        crowded = self.crowd.of_one[self._sender] > MOST_OF_ONE and not is_among(address, self.trusted)
        if crowded or len(self.connections) > MOST_CONNECTIONS:
            metrics.HTTP_REFUSED.labels("connections").inc()
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._rest()
        self._end_unread()
        self.crowd.of_one[self._sender] -= 1
        if self.crowd.of_one[self._sender] <= 0:
            del self.crowd.of_one[self._sender]
        self._unparsed = b""
        self.pipeline.clear()
        self._recount()
        self._end_active()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes, and parse as much of them as is this connection's turn."""
        if self._refused:
            return
        is_behind = bool(self._unparsed)
        self._unparsed += data
        if not is_behind:
            self._parse_a_piece()

    def _parse_a_piece(self) -> None:
        if self._refused or self.transport.is_closing():
            return
        piece, self._unparsed = self._unparsed[:PIECE_BYTES], self._unparsed[PIECE_BYTES:]
        self._parse(piece)
        if self._unparsed:
            self.flow.pause_reading()
            self.loop.call_soon(self._parse_a_piece)
        elif self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _has_enough(self) -> bool:
        return bool(self._unparsed or self.pipeline) or self.transport.is_closing()

    def _parse(self, data: bytes) -> None:
        """Parse; what is no body is counted from its first byte on, whatever it consists of."""
        if self._in_head and self._timer is None:
            self._await_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self._refused:
            self._refuse("headers_too_large")

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already."""
        if self._is_answering():
            at_once = len(self.tasks) + self.crowd.waiting
            if len(self.pipeline) >= MOST_WAITING or at_once >= MOST_AT_ONCE:
                raise self._beyond("too_many_pipelined")
        super().on_message_begin()
        self._in_head, self._headers, self._header_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            raise self._beyond("url_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one behind the body (RFC 9110, section 6.5) is counted with them and none of them."""
        if self._in_head:
            super().on_header(name, value)
        self._headers += 1
        self._header_bytes += len(name) + len(value)
        if self._headers > MOST_HEADERS or self._header_bytes > MOST_HEAD_BYTES:
            raise self._beyond("headers_too_large")

    def on_headers_complete(self) -> None:
        """The head is whole: its time is over."""
        self.scope["headers"] = list(self.headers)
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        self._rest()
        self._recount()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        active = self._active
        return active is not None and not active.response_complete and not active.disconnected

    def _end_active(self) -> None:
        """Tell the application that nobody waits for its answer any more."""
        if self._is_answering():
            self._active.disconnected = True
            self._active.message_event.set()

    def _recount(self) -> None:
        self.crowd.waiting += len(self.pipeline) - self._counted
        self._counted = len(self.pipeline)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole: the next byte begins another request."""
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0
        if self.cycle.response_complete:
            self._await_head()

    def on_response_complete(self) -> None:
        """An answer was given; what still comes of the body is thrown away, for a moment."""
        super().on_response_complete()
        self._recount()
        if self._refused:
            self._say_refusal()
        elif self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._rest()
            self._timer = self.loop.call_later(REST_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """The other side reads more slowly than we write."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        self._end_unread()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has come for a while: the connection ends, whether or not the last answer was read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Answer what no application is asked about."""
        self._refuse(self._code)

    def _beyond(self, code: str) -> HeadRefused:
        self._code = code
        return HeadRefused(code)

    def _too_slow(self) -> None:
        self._timer = None
        if self._head_bytes:
            self._refuse("head_too_slow")
        else:
            self.transport.abort()

    def _refuse(self, code: str) -> None:
        """Take nothing more, and say why once the answers under way are given."""
        metrics.HTTP_REFUSED.labels(code).inc()
        self._refused, self._unparsed, self._owed = True, b"", code
        self._rest()
        if not self._in_head:
            self._drop_unfinished()
        self._say_refusal()

    def _drop_unfinished(self) -> None:
        """Forget the request whose body is broken; where its answer has begun, nothing can be said any more."""
        if self.cycle.response_started:
            self._owed = None
        if self.cycle is self._active:
            self._end_active()
        else:
            self.pipeline.popleft()
            self._recount()

    def _say_refusal(self) -> None:
        """Say as a problem document what is wrong, and end the connection once that can be read."""
        if self._is_answering() or self.transport.is_closing():
            return
        if self._owed is not None:
            self.transport.write(closing_problem(self._owed, *REFUSALS[self._owed]))
            self._owed = None
        self.transport.write_eof()
        self.flow.resume_reading()
        self._rest()
        self._timer = self.loop.call_later(REST_SECONDS, self.transport.abort)

    def _await_head(self) -> None:
        self._rest()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
