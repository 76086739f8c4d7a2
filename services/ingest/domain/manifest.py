"""A manifest: how many pieces a carrier says that it handed over or reported, so that a gap is seen."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from buuta.errors import BadItem
from buuta.model.bounded import Bounded, Moment
from buuta.model.identifiers import normalise_number
from buuta.model.shapes import WANTED, is_paper
from services.ingest.domain.recipe import PERSONAL

MOST_NUMBERS: Final = 20_000
LONGEST: Final = timedelta(days=7)
CODE: Final = re.compile(r"[A-Za-z0-9_ .:/-]{1,40}")


def _number(raw: str) -> str:
    try:
        return normalise_number(raw)
    except BadItem as bad:
        raise ValueError(str(bad)) from None


def _id(raw: str) -> str:
    if not is_paper(raw):
        raise ValueError(f"an id has {WANTED['manifest']}")
    return raw


def _code(raw: str) -> str:
    if not CODE.fullmatch(raw) or PERSONAL.search(raw):
        raise ValueError("must be a code of your code table: at most 40 letters, digits or _ . : / -")
    return raw


Number = Annotated[str, Field(max_length=60), AfterValidator(_number)]


EXAMPLE: Final[dict[str, Any]] = {
    "manifest": "M-2026-11-25-01", "since": "2026-11-25T00:00:00+07:00", "until": "2026-11-26T00:00:00+07:00",
    "pieces": 250,
}  # fmt: skip


class Manifest(Bounded):
    """What was declared: pieces, by their numbers or by how many; with a code, only scans of that code count."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    manifest: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_./-]{1,60}$",
            description="Your own id of it, with a digit or at most 8 capitals; no name and no telephone number.",
            examples=["M-2026-11-25-01"],
        ),
        AfterValidator(_id),
    ]
    since: Annotated[Moment, Field(description="The pieces' scans happened from here on,")]
    until: Annotated[Moment, Field(description="and before this: at most seven days.")]
    pieces: Annotated[int | None, Field(ge=1, le=10_000_000, description="How many; or name them.")] = None
    numbers: list[Number] = Field([], max_length=MOST_NUMBERS, fail_fast=True)
    code: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_code)] | None = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        """It says how many, within a time that can be looked through."""
        self.numbers = sorted(set(self.numbers))
        if self.pieces is None and not self.numbers:
            raise ValueError("say how many pieces, or name their numbers")
        if self.numbers and self.pieces not in (None, len(self.numbers)):
            raise ValueError("there are not as many different numbers as pieces")
        if not timedelta() < self.until - self.since <= LONGEST:
            raise ValueError("until lies after since, by at most seven days")
        return self

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return self.pieces or len(self.numbers)

    @property
    def span(self) -> tuple[int, int]:
        """From and to, as UTC milliseconds."""
        return _ms(self.since), _ms(self.until)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
