"""Causes in words: what a person reads in place of the name of a Python class or a library's own text.

A library's text is never repeated: it may hold an address with its password, or the data that it stumbled over.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from typing import Final

DEEPEST: Final = 10
"""So many errors of a chain are looked at, from the one that was raised back to its causes."""
WORDS: Final[Mapping[str, str]] = {
    "gaierror": "no host of that name is known",
    "ConnectionRefusedError": "nothing listens there",
    "ConnectionResetError": "the connection was broken off",
    "BrokenPipeError": "the connection was broken off",
    "TimeoutError": "there was no answer in time",
    "TimeoutException": "there was no answer in time",
    "SSLCertVerificationError": "its certificate is not trusted",
    "SSLError": "TLS could not be agreed on",
    "PermissionError": "this user may not open it",
    "FileNotFoundError": "there is no such file or folder",
    "IsADirectoryError": "it is a folder and not a file",
    "NotADirectoryError": "it lies in something that is no folder",
    "FileExistsError": "something of that name is there already",
    "UnicodeDecodeError": "it is not UTF-8 text",
    "KafkaConnectionError": "no broker can be reached there",
    "UnrecognizedBrokerVersion": "what answers there is no Kafka, or one of another age",
    "InvalidReplicationFactorError": "it has fewer brokers than BUUTA_REPLICATION wants copies",
    "InvalidConfigurationError": "it does not take a setting of ours",
    "PolicyViolationError": "its policy does not allow it",
    "TopicAuthorizationFailedError": "our user may not do that there",
    "ClusterAuthorizationFailedError": "our user may not do that there",
    "InvalidPasswordError": "it does not take that user or password",
    "InvalidAuthorizationSpecificationError": "it does not let that user in",
    "InvalidCatalogNameError": "it has no database of that name; create it, then run buuta migrate",
    "TooManyConnectionsError": "it has no connection left",
    "CannotConnectNowError": "it is starting or stopping",
    "AdminShutdownError": "it is stopping",
    "ReadOnlySQLTransactionError": "it only reads: name the primary and not a replica",
    "UndefinedTableError": "it has not all of our tables; run buuta migrate",
    "UndefinedColumnError": "its tables are older than this program; run buuta migrate",
    "InsufficientPrivilegeError": "our user may not do that there; grant it, or run it as the tables' owner",
    "QueryCanceledError": "the statement took too long",
    "DiskFullError": "its disk is full",
    "ConnectionDoesNotExistError": "the connection was broken off",
    "InterfaceError": "the connection was broken off",
    "UnsupportedProtocol": "the address does not begin with http:// or https://",
    "InvalidURL": "the address is no URL",
    "RemoteProtocolError": "what answers there does not speak HTTP",
    "JSONDecodeError": "the answer is no JSON",
}  # fmt: skip
"""By the name of a class: the libraries are not imported for it."""
NUMBERS: Final[Mapping[int, str]] = {
    errno.ECONNREFUSED: "ConnectionRefusedError", errno.ECONNRESET: "ConnectionResetError",
    errno.ETIMEDOUT: "TimeoutError",
}  # fmt: skip
"""The classes of what asyncio raises by number alone, for several addresses at once."""
HIDING: Final = "httpcore"
"""The package that raises with `from None` what came of the system's own error, which alone says why."""


def cause(error: BaseException) -> str | None:
    """Why it failed, in words: of the deepest cause that is known; None where none is."""
    found = [words for each in _chain(error) if (words := _words(each))]
    return found[-1] if found else None


def because(error: BaseException) -> str:
    """The cause in words, or that it is not known."""
    return cause(error) or "for a reason that is not known here"


def _words(error: BaseException) -> str | None:
    for each in type(error).__mro__:
        if each.__name__ in WORDS:
            return WORDS[each.__name__]
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return _known(error.errno)
    return None


def _known(number: int) -> str:
    """What the system says of its error, which holds no data; a refused connection comes by number, too."""
    said = os.strerror(number)
    return WORDS.get(NUMBERS.get(number, ""), said[0].lower() + said[1:])


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    for _ in range(DEEPEST):
        if each is None:
            return
        yield each
        each = each.exceptions[0] if isinstance(each, BaseExceptionGroup) else _behind(each)


def _behind(error: BaseException) -> BaseException | None:
    """What an error came from."""
    hidden = error.__suppress_context__ and not type(error).__module__.startswith(HIDING)
    return error.__cause__ or (None if hidden else error.__context__)
