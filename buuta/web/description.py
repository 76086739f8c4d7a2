"""`/docs` and `/openapi.json`: what an API takes and answers, by a page of our own without any script."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from buuta.web.requests import request_lines

PAGES: Final = Path(__file__).parent / "pages"
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what is listened on, not a place to listen
_environment = Environment(
    loader=FileSystemLoader(PAGES), autoescape=select_autoescape(), undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def description(app: Any) -> APIRouter:
    """The routes that describe an app, at its own port or at that of operations."""
    routes = APIRouter(include_in_schema=False)

    def described(request: Request) -> dict[str, Any]:
        return {**app.openapi(), "servers": [{"url": server_of(app, request)}]}

    @routes.get("/openapi.json")
    async def document(request: Request) -> JSONResponse:
        return JSONResponse(described(request))

    @routes.get("/docs", response_class=HTMLResponse)
    async def page(request: Request) -> HTMLResponse:
        said = described(request)
        text = _environment.get_template("api.html").render(
            said=said, groups=_groups(said), schemas=_schemas(said), keys=_keys(said)
        )
        return HTMLResponse(text, headers=POLICY)

    @routes.get("/docs/api.css")
    async def style() -> Response:
        return Response((PAGES / "api.css").read_text(encoding="utf-8"), media_type="text/css")

    return routes


def server_of(app: Any, request: Request) -> str:
    """Where the API is: this very place, or seen from the port of operations the public one."""
    listens: tuple[str, int] | None = getattr(app.state, "listens", None)
    if request.app is app or listens is None:
        return "/"
    host, port = listens
    host = (request.url.hostname or "localhost") if host in ANY_ADDRESS else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _groups(said: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations by their first tag, in the order in which tags come up."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in _operations(said):
        groups.setdefault(each["tag"], []).append(each)
    return [*groups.items()]


def _operations(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The operations, each with what a reader wants to know, as texts."""
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            yield {
                "method": method.upper(),
                "path": path,
                "tag": next(iter(operation.get("tags", ())), "others"),
                "summary": operation.get("summary", ""),
                "text": operation.get("description", ""),
                "key": next((name for each in operation.get("security", ()) for name in each), None),
                "parameters": [_parameter(each) for each in operation.get("parameters", ())],
                "bodies": _contents(operation.get("requestBody", {})),
                "request": request_lines(said, method, path),
                "answers": [
                    {"status": status, "text": answer.get("description", ""), "bodies": _contents(answer)}
                    for status, answer in operation.get("responses", {}).items()
                ],
            }


def _parameter(said: Mapping[str, Any]) -> dict[str, Any]:
    schema = dict(said.get("schema", {}))
    return {
        "name": said["name"], "where": said["in"], "required": said.get("required", False),
        "text": said.get("description") or schema.pop("description", ""), "schema": _shape(schema),
    }  # fmt: skip


def _contents(said: Mapping[str, Any]) -> list[dict[str, str]]:
    contents = said.get("content", {})
    return [{"kind": kind, "schema": _shape(each.get("schema", {}))} for kind, each in contents.items()]


def _keys(said: Mapping[str, Any]) -> dict[str, str]:
    schemes = said.get("components", {}).get("securitySchemes", {})
    return {name: each.get("description", "") for name, each in schemes.items()}


def _schemas(said: Mapping[str, Any]) -> dict[str, str]:
    schemas = said.get("components", {}).get("schemas", {})
    return {name: json.dumps(each, indent=2, ensure_ascii=False) for name, each in sorted(schemas.items())}


def _shape(schema: Mapping[str, Any]) -> str:
    """A schema in a line, but for its titles, which repeat the names."""
    return json.dumps(
        {name: value for name, value in schema.items() if name != "title"}, ensure_ascii=False
    )
