"""Freezing a server of the stack: it keeps its sockets and answers nothing, as a hung machine does."""

import contextlib
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def frozen(port: int) -> Iterator[None]:
    """Stop (SIGSTOP) whatever listens on the loopback port with all its children, and let it go on in the end."""
    processes = [_listener(port)]
    processes[0].suspend()
    processes += processes[0].children(recursive=True)
    for process in processes[1:]:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _listener(port: int) -> psutil.Process:
    for each in psutil.net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid is not None:
            return psutil.Process(each.pid)
    raise LookupError(f"nothing listens on {port}")
