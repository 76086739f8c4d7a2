"""The carriers in `examples/`: formats that others publish, read by tables alone."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import new
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from services.ingest.carriers.loading import load_recipes
from services.ingest.carriers.pairs import Pair, read_pairs
from services.ingest.domain.recipe import Recipe

FOLDER: Final = Path(__file__).parents[1] / "examples" / "carriers"
EXAMPLES: Final[Mapping[str, Recipe]] = load_recipes(FOLDER, None)
EXAMPLE_PAIRS: Final = [
    (recipe, pair)
    for recipe in EXAMPLES.values()
    for pair in read_pairs(FOLDER / recipe.format / "golden.json")
]
SECRET: Final = "user:s3cret"


def request_of(recipe: Recipe, pair: Pair, body: bytes) -> dict[str, Any]:
    """How the vendor would send a pair: with its headers and query, signed as its document says."""
    headers, query = dict(pair.headers), dict(pair.query)
    signature = None if recipe.webhook is None else recipe.webhook.signature
    if signature is None:
        return {"content": body, "headers": headers, "params": query}
    made = {"token": SECRET, "basic": f"Basic {b64encode(SECRET.encode()).decode()}"}.get(signature.kind)
    if made is None:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        text = signature.over.replace("{secret}", SECRET).replace("{body}", body.decode())
        for name, value in fields.items():
            text = text.replace(f"{{field:{name}}}", value)
        raw = (
            new(signature.algorithm, text.encode()).digest()
            if signature.kind == "digest"
            else hmac.digest(SECRET.encode(), text.encode(), signature.algorithm)
        )
        made = {
            "hex": raw.hex(),
            "base64": b64encode(raw).decode(),
            "base64_of_hex": b64encode(raw.hex().encode()).decode(),
        }[signature.encoding]
    where = signature.where
    pattern = "" if where.pattern is None else where.pattern.text
    made = f"{'hmac-sha256-hex=' if 'hmac-sha256' in pattern else 'Bearer ' if 'Bearer' in pattern else ''}{made}"
    if where.place == "field":
        given = dict(parse_qsl(body.decode()))[where.name]
        body = body.replace(f"{where.name}={given}".encode(), f"{where.name}={made}".encode())
    {"header": headers, "query": query}.get(where.place, {})[where.name] = made
    return {"content": body, "headers": headers, "params": query}
