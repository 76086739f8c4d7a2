"""Routes that ask who calls before they read anything: authentication before bodies, sizes and parameters."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from buuta.web.bodies import LARGE
from buuta.web.problems import body_too_large

Who = Callable[[Request], Awaitable[Any]]
"""Finds out who calls, and raises where nobody may."""
NotLetIn = Callable[[Request], Awaitable[None]]


async def _nothing(_: Request) -> None:
    """Nothing is to be done."""


def guarded(who: Who, not_let_in: NotLetIn = _nothing) -> type[APIRoute]:
    """A class of routes for `APIRouter(route_class=...)`; who calls lies in `request.state.caller`.

    Of a request that ends with an error, or with none since the service stops, `not_let_in` hears.

    FastAPI reads and parses a body before it solves dependencies, so a dependency would come too late.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()
            has_body = self.body_field is not None

            async def known_first(request: Request) -> Response:
                request.state.caller = await who(request)
                try:
                    # Here, and not in FastAPI, which would call every refusal a broken body. It parses on the event
                    # loop: a route that takes more reads it by itself.
                    if has_body and len(await request.body()) > LARGE:
                        raise body_too_large(LARGE)
                    return await handler(request)
                except BaseException:
                    await not_let_in(request)
                    raise

            return known_first

    return Guarded
