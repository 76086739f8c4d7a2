"""Routes that ask who calls before they read anything: authentication before bodies, sizes and parameters."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from buuta.model.shown import shown_name
from buuta.web.bodies import LARGE
from buuta.web.problems import Problem, body_too_large

Who = Callable[[Request], Awaitable[Any]]
"""Finds out who calls, and raises where nobody may."""
NotLetIn = Callable[[Request], Awaitable[None]]


async def _nothing(_: Request) -> None:
    """Nothing is to be done."""


def names_of(dependant: Any) -> Iterator[str]:
    """The query parameters of a route and of all that it depends on."""
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from names_of(each)


def check_parameters(named: Iterable[str], known: Sequence[str]) -> None:
    """Check that a query names only what a route knows.

    Raises:
        Problem: it does not.
    """
    for name in named:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there is none"
            detail = f"this route has no query parameter {shown_name(name)}; {there_are}"
            raise Problem(422, "parameter_unknown", detail)


def guarded(who: Who, not_let_in: NotLetIn = _nothing) -> type[APIRoute]:
    """A class of routes for `APIRouter(route_class=...)`; who calls lies in `request.state.caller`.

    A parameter of the query that a route does not know is refused: ignored, a mistyped filter would let all pass.

    Of a request that ends with an error, or with none since the service stops, `not_let_in` hears.

    FastAPI reads and parses a body before it solves dependencies, so a dependency would come too late.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()
            has_body = self.body_field is not None
            known = sorted(names_of(self.dependant))

            async def known_first(request: Request) -> Response:
                request.state.caller = await who(request)
                try:
                    check_parameters(request.query_params, known)
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
