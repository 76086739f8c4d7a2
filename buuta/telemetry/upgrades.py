"""Requests that offer to go on by another protocol (RFC 9110, section 7.8) are answered as what they are without.

At such a head the parser takes all that follows for that protocol's: the body too, and the next request. Java's own
client offers h2c with every first request. We speak nothing else, so the head is read once more without the offer.
"""

from typing import Any, Final

import httptools

from buuta.model.networks import Network
from buuta.telemetry.connections import HeadRefused, LimitedProtocol
from buuta.telemetry.turns import Crowd

OFFERS: Final = frozenset({b"upgrade", b"http2-settings"})
"""Headers of an offer, and the options of `Connection` that name them."""


class _Parser(httptools.HttpRequestParser):
    """uvicorn's parser, which says where it stopped."""

    def __init__(self, protocol: "PlainProtocol") -> None:
        super().__init__(protocol)
        # As uvicorn has it: so that the first of several requests in a row is answered.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._protocol = protocol

    def feed_data(self, data: Any) -> None:
        """Parse."""
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._protocol.go_on(bytes(data[stopped.args[0] :]))


class PlainProtocol(LimitedProtocol):
    """HTTP/1.1 with limits, and nothing else."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.parser = _Parser(self)

    def on_headers_complete(self) -> None:
        """The head is whole; one that offers something comes again without.

        Raises:
            HeadRefused: it asks for a tunnel.
        """
        if not self.parser.should_upgrade():
            super().on_headers_complete()
        elif self.parser.get_method() == b"CONNECT":
            raise HeadRefused("request_malformed")

    def on_message_complete(self) -> None:
        """The body is whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def go_on(self, rest: bytes) -> None:
        """Read the head without its offer, and what follows."""
        head = self._plain_head()
        self.parser = _Parser(self)
        self.parser.feed_data(head + rest)

    def _plain_head(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            said = _options(value) if name == b"connection" else value
            if name not in OFFERS and (said or name != b"connection"):
                lines.append(b"%b: %b" % (name, said))
        return b"\r\n".join([*lines, b"", b""])


def _options(value: bytes) -> bytes:
    """The options of `Connection` but for those of an offer."""
    options = [each.strip() for each in value.split(b",")]
    return b", ".join(each for each in options if each.lower() not in OFFERS)


def limited(proxies: tuple[Network, ...]) -> type[LimitedProtocol]:
    """The protocol where these networks are trusted proxies."""

    class Limited(PlainProtocol):
        trusted = proxies
        crowd = Crowd()

    return Limited
