"""Routes that ask who calls before they read anything: authentication before bodies, sizes and parameters."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from buuta.web.problems import as_problem

Who = Callable[[Request], Awaitable[Any]]
"""Finds out who calls, and raises where nobody may."""
Unanswered = Callable[[Request], Awaitable[None]]
SERVER_ERROR: Final = 500


async def _nothing(_: Request) -> None:
    """Nothing is to be done."""


def guarded(who: Who, unanswered: Unanswered = _nothing) -> type[APIRoute]:
    """A class of routes for `APIRouter(route_class=...)`; who calls lies in `request.state.caller`.

    Of a request that ends with an error of ours, and so may come again, `unanswered` hears.

    FastAPI reads and parses a body before it solves dependencies, so a dependency would come too late.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()
            has_body = self.body_field is not None

            async def known_first(request: Request) -> Response:
                request.state.caller = await who(request)
                if has_body:
                    # Here, and not in FastAPI, which would call every refusal a broken body.
                    await request.body()
                try:
                    return await handler(request)
                except Exception as why:
                    if as_problem(why).status >= SERVER_ERROR:
                        await unanswered(request)
                    raise

            return known_first

    return Guarded
