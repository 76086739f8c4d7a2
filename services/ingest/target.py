"""Where what is taken in goes: production, or the sandbox, of which nothing remains."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from buuta.contracts.codec import Codec
from buuta.model.scan import Scan
from buuta.streaming.producer import Pair
from services.ingest.carriers import RECIPES
from services.ingest.copies import Copies
from services.ingest.domain.details import Details
from services.ingest.domain.recipe import Recipe
from services.ingest.meters import Meter, SandboxMeter
from services.ingest.quarantine.held import Held

Keep = Callable[[Sequence[Held]], Awaitable[None]]
Put = Callable[[Sequence[Pair]], Awaitable[None]]


@dataclass
class RecipeBook:
    """The formats by name, as they are at this moment: people map codes while ingest runs."""

    recipes: Mapping[str, Recipe] = field(default_factory=lambda: RECIPES)


KeepDetails = Callable[[dict[str, Scan], Mapping[str, Details]], Awaitable[None]]


async def _no_details(_: dict[str, Scan], __: Mapping[str, Details]) -> None:
    """Where details go that are sent by a sandbox key."""


@dataclass(frozen=True)
class Target:
    """Where scans go, how they are written, and which formats are read.

    `put` returns when scans are safe and `keep` when reports are that are set aside, or they raise KafkaAway.
    `placed` gives scans the place of their facility; `meter` counts what carriers report.
    `keep_details` returns when details are safe, and may say of their scans how far from the destination they were.
    `copies` knows what was said before under an id.
    """

    put: Put
    keep: Keep
    put_facts: Callable[[Sequence[Any]], Awaitable[None]]
    codec: Codec
    book: RecipeBook = field(default_factory=RecipeBook)
    placed: Callable[[Collection[Scan]], Collection[Scan]] = list
    meter: Meter = field(default_factory=SandboxMeter)
    keep_details: KeepDetails = _no_details
    copies: Copies = field(default_factory=Copies)
