"""Requests as one would really send them, from a description of an API: a test sends each of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from buuta.web.bearer import SAMPLES

FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sample:
    """A request: its kind of body and the body, none for most."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None


def sample_of(said: Mapping[str, Any], method: str, path: str) -> Sample:
    """The request that a description shows of an operation: its examples, and placeholders for what has none."""
    operation = said["paths"][path][method]
    headers = {
        each["name"]: str(each["example"])
        for each in operation.get("parameters", ())
        if each["in"] == "header" and "example" in each
    }
    for name in (name for each in operation.get("security", ()) for name in each):
        headers["Authorization"] = f"Bearer {SAMPLES[name]}"
    kind, body = _body(said, operation)
    if kind is not None:
        headers["Content-Type"] = kind
    return Sample(method.upper(), _with_examples(operation, path), headers, body)


def request_lines(said: Mapping[str, Any], method: str, path: str) -> str:
    """The same as a command, for `curl`."""
    sample = sample_of(said, method, path)
    server = said["servers"][0]["url"].rstrip("/")
    lines = [f"curl -X {sample.method} '{server}{sample.path}'"]
    lines += [f"-H '{name}: {value}'" for name, value in sample.headers.items()]
    lines += [] if sample.body is None else ["-d '" + sample.body.replace("'", "'\\''") + "'"]
    return " \\\n  ".join(lines)


def _with_examples(operation: Mapping[str, Any], path: str) -> str:
    for each in operation.get("parameters", ()):
        example = each.get("example", next(iter(each.get("schema", {}).get("examples", ())), None))
        if each["in"] == "path" and example is not None:
            path = path.replace(f"{{{each['name']}}}", str(example))
    return path


def _body(said: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[str | None, str | None]:
    contents = operation.get("requestBody", {}).get("content", {})
    for kind, content in contents.items():
        example = content.get("example", _example(said, content.get("schema", {})))
        if example is not None:
            return kind, written(kind, example)
    return None, None


def written(kind: str, example: Any) -> str:
    """An example as the text of a body."""
    if isinstance(example, str):
        return example
    if kind == FORM:
        return urlencode(example)
    return json.dumps(example, ensure_ascii=False)


def _example(said: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """The first example of a schema, or of what an array holds."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(said, said["components"]["schemas"][name])
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("type") == "array":
        item = _example(said, schema.get("items", {}))
        return None if item is None else [item]
    return None
