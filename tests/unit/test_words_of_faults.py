"""What does not fit is said in words for people: no library's sentence, and never the value."""

import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from buuta.web.problems import install

LIBRARY = re.compile(
    r"Field required|Extra inputs|Input should|Value error|valid dictionary", re.IGNORECASE
)


class Size(StrEnum):
    """A choice."""

    S = "s"
    L = "l"


class Box(BaseModel):
    """A body with a field of each kind."""

    model_config = ConfigDict(extra="forbid")
    number: Annotated[str, Field(min_length=3, max_length=5)]
    pieces: Annotated[int, Field(ge=1, le=9)] = 1
    size: Size = Size.S
    kind: Literal["a", "b"] = "a"
    day: date | None = None
    names: list[str] = Field(default_factory=list)
    is_fragile: bool = False
    id: UUID | None = None


FAULTS: Final[Sequence[tuple[Any, str]]] = (
    ({}, "body.number: it is missing"),
    ({"number": "1234", "colour": "secret"}, "body.colour: there is no such field"),
    ({"number": 5}, "body.number: it must be a text"),
    ({"number": "1"}, "body.number: it must have 3 characters or more"),
    ({"number": "secret"}, "body.number: it must have 5 characters or less"),
    ({"number": "1234", "pieces": "secret"}, "body.pieces: it must be a whole number"),
    ({"number": "1234", "pieces": 0}, "body.pieces: it must be 1 or more"),
    ({"number": "1234", "size": "secret"}, "body.size: it must be 's' or 'l'"),
    ({"number": "1234", "kind": "secret"}, "body.kind: it must be 'a' or 'b'"),
    ({"number": "1234", "day": "secret"}, "body.day: it must be a day such as 2026-11-24"),
    ({"number": "1234", "day": -1}, "body.day: it must be a day such as 2026-11-24"),
    ({"number": "1234", "names": "secret"}, "body.names: it must be a list"),
    ({"number": "1234", "is_fragile": "secret"}, "body.is_fragile: it must be true or false"),
    ({"number": "1234", "id": "secret"}, "body.id: it must be a UUID"),
)  # fmt: skip


async def asked(**request: Any) -> dict[str, Any]:
    """What an API says to a request that is wrong."""
    app = FastAPI()
    install(app)

    @app.post("/boxes")
    async def box(box: Box) -> None:
        """Take a box."""

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.post("/boxes", **request)
    assert answer.status_code == 422
    return dict(answer.json())


@pytest.mark.parametrize(("body", "said"), FAULTS)
async def test_what_does_not_fit_is_said_in_words(body: Any, said: str) -> None:
    problem = await asked(json=body)
    assert problem["detail"] == said
    assert "secret" not in str(problem)


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
async def test_a_body_under_another_name_hears_which_name_it_needs(headers: dict[str, str]) -> None:
    problem = await asked(content=b'{"number": "1234"}', headers=headers)
    assert problem["detail"] == "body: it must be an object, as JSON under Content-Type: application/json"


async def test_no_body_at_all_hears_what_is_wanted() -> None:
    assert (await asked())["detail"] == "body: it is missing, as JSON under Content-Type: application/json"


def test_no_message_of_ours_passes_a_librarys_sentence_on() -> None:
    root = Path(__file__).parents[2]
    own = root / "buuta" / "faults.py"
    sources = [
        path for folder in ("buuta", "services") for path in (root / folder).rglob("*.py") if path != own
    ]
    assert not [path for path in sources if LIBRARY.search(path.read_text(encoding="utf-8"))]
