"""Running a service: logs, HTTP, signals, and an end within ten seconds of SIGTERM."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
import uvicorn
import uvloop

from buuta.errors import BadSettings, BuutaError, Stop
from buuta.model.networks import read_networks
from buuta.settings import Settings, SharedSettings, doubts, load
from buuta.telemetry import logs
from buuta.telemetry.ending import end
from buuta.telemetry.tracebacks import named
from buuta.telemetry.upgrades import limited

log = structlog.get_logger()
GRACE_SECONDS = 10
Failed = asyncio.Future[None]
Wire = Callable[[Settings], AbstractAsyncContextManager[tuple[Any, Failed]]]


class _Server(uvicorn.Server):
    """uvicorn, without hands on the process's signals: the service has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def http(app: Any, settings: SharedSettings) -> AsyncIterator[int]:
    """Serve an app on the public port, and what it has for operations on theirs; yields the public port.

    An app that knows of no other for operations is all for operations.
    """
    operations = getattr(app.state, "operations", None)
    inside = (settings.operations_host, settings.operations_port)
    if operations is None:
        async with _served(app, inside, settings) as port:
            yield port
        return
    async with (
        _served(operations, inside, settings),
        _served(app, (settings.host, settings.port), settings) as port,
    ):
        yield port


@contextlib.asynccontextmanager
async def _served(app: Any, address: tuple[str, int], settings: SharedSettings) -> AsyncIterator[int]:
    public = address == (settings.host, settings.port)
    listener = _listener(*address, "BUUTA_PORT" if public else "BUUTA_OPERATIONS_PORT")
    port: int = listener.getsockname()[1]
    proxies = read_networks(settings.trusted_proxies)
    config = uvicorn.Config(
        app, http=limited(proxies), ws="none", lifespan="off", log_config=None, log_level="error", access_log=False,
        proxy_headers=bool(proxies), forwarded_allow_ips=[str(each) for each in proxies],
        server_header=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    app.state.listens = address[0], port
    log.info("listening", host=address[0], port=port)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


def _listener(host: str, port: int, variable: str) -> socket.socket:
    """A listening socket; `::` is every address of the machine, of either version; `variable` sets its port.

    Raises:
        Stop: nothing can listen there.
    """
    family, both = socket.AF_INET, False
    if ":" in host:
        family, both = socket.AF_INET6, host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as why:
        raise Stop(
            f"cannot listen on host {host!r}, port {port}: {why.strerror or why}; another by {variable}"
        ) from why


# Chunks are many short-lived tuples without cycles: collecting after every 700 of them is half the time.
COLLECT_AFTER = 50_000


def main(name: str, kind: type[Settings], wire: Wire[Settings]) -> int:
    """Run a service until SIGTERM, SIGINT or a failure; returns the exit code."""
    try:
        settings = load(kind)
    except BadSettings as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - logs are not configured yet
        return 2
    logs.configure(name, settings.log_level)
    for doubt in doubts(settings, os.environ):
        # Each is a reason of its own, and said at once: they begin with the variable's name.
        log.warning("setting_doubtful", part=doubt.partition(" ")[0], why=doubt)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # Faust's consumer thread makes a loop too
    return asyncio.run(_run(name, settings, wire))


async def _run(name: str, settings: Settings, wire: Wire[Settings]) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    try:
        async with wire(settings) as (app, failed), http(app, settings) as port:
            log.info("started", host=settings.host, port=port)
            await _first(asked.wait(), _outcome(failed))
            log.info("stopping")
            loop.call_later(GRACE_SECONDS, _give_up, name)
        return 1 if failed.done() else 0
    except BuutaError as why:
        log.critical("stopped", why=str(why))
        return 1


async def _outcome(failed: Failed) -> None:
    try:
        await asyncio.shield(failed)
    except Exception as why:
        log.critical("failed", why=named(why), exc_info=why)


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await end(*pending)


def _give_up(name: str) -> None:
    log.critical("stop_overdue", service=name, seconds=GRACE_SECONDS)
    sys.stderr.flush()
    signal.raise_signal(signal.SIGKILL)
