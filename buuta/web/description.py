"""`/docs` and `/openapi.json`: what an API takes and answers, by a page of our own without any script."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

PAGES: Final = Path(__file__).parent / "pages"
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
}
_environment = Environment(
    loader=FileSystemLoader(PAGES), autoescape=select_autoescape(), undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def description(app: Any) -> APIRouter:
    """The routes that describe an app."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/openapi.json")
    async def described() -> JSONResponse:
        return JSONResponse(app.openapi())

    @routes.get("/docs", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        said = app.openapi()
        text = _environment.get_template("api.html").render(
            said=said, operations=list(_operations(said)), schemas=_schemas(said)
        )
        return HTMLResponse(text, headers=POLICY)

    @routes.get("/docs/api.css")
    async def style() -> Response:
        return Response((PAGES / "api.css").read_text(encoding="utf-8"), media_type="text/css")

    return routes


def _operations(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The operations, each with what a reader wants to know, as texts."""
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            yield {
                "method": method.upper(),
                "path": path,
                "summary": operation.get("summary", ""),
                "text": operation.get("description", ""),
                "key": bool(operation.get("security")),
                "parameters": [_parameter(each) for each in operation.get("parameters", ())],
                "bodies": _contents(operation.get("requestBody", {})),
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


def _schemas(said: Mapping[str, Any]) -> dict[str, str]:
    schemas = said.get("components", {}).get("schemas", {})
    return {name: json.dumps(each, indent=2, ensure_ascii=False) for name, each in sorted(schemas.items())}


def _shape(schema: Mapping[str, Any]) -> str:
    """A schema in a line, but for its titles, which repeat the names."""
    return json.dumps(
        {name: value for name, value in schema.items() if name != "title"}, ensure_ascii=False
    )
