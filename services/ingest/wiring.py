"""Intake, wired: the same in the service, the file command and the tests, so that no door has rules of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from buuta.contracts.codec import Codec
from buuta.storage.background import Step
from buuta.storage.vault import Vault
from services.ingest.copies import Copies
from services.ingest.domain.recipe import Recipe
from services.ingest.intake import Intake
from services.ingest.keeping import Keeping
from services.ingest.meters import RealMeter
from services.ingest.quarantine import held
from services.ingest.registry.facilities import Facilities
from services.ingest.registry.tally import Tally
from services.ingest.storage import keep_facts
from services.ingest.target import Keep, Put, RecipeBook, Target

FOLLOW_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Pools:
    """PostgreSQL as intake asks it: in the background, in a request, for what takes longer, and at once or never.

    A command that nobody waits for has one for all.
    """

    background: Any
    edge: Any
    patient: Any
    quick: Any

    @classmethod
    def one(cls, pool: Any) -> "Pools":
        """The same for all."""
        return cls(pool, pool, pool, pool)


@dataclass(frozen=True)
class Ground:
    """What intake stands on; `put` is where scans go, `keep` where reports that are set aside."""

    pools: Pools
    vault: Vault
    codec: Codec
    put: Put
    keep: Keep
    book: RecipeBook = field(default_factory=RecipeBook)


@dataclass(frozen=True)
class Wired:
    """Intake, and what keeps it up to date: `follow` are steps to be taken every few seconds, each by itself."""

    intake: Intake
    facilities: Facilities
    tally: Tally
    keeping: Keeping
    follow: Mapping[str, Step]


def build_intake(ground: Ground) -> Wired:
    """Intake in earnest: with facilities' places, details in the vault, the tally and the copies."""
    pools, recipes = ground.pools, ground.book.recipes
    facilities, tally = Facilities(pools.background), Tally()
    keeping = Keeping(pools.edge, ground.vault, ground.keep)
    target = Target(
        ground.put, ground.keep, partial(keep_facts, pools.edge), ground.codec, ground.book,
        facilities.placed, RealMeter(tally), keeping.take, Copies(pools.quick),
    )  # fmt: skip
    follow: dict[str, Step] = {
        "mappings": partial(_read_mappings, pools.background, ground.book, recipes),
        "facilities": facilities.refresh,
        "tally": partial(tally.write_down, pools.background),
        "details": keeping.settle,
    }
    return Wired(Intake(target, pools.patient, ground.vault), facilities, tally, keeping, follow)


def build_sandbox(ground: Ground) -> Intake:
    """Intake that reads and maps as the other does, and of which nothing remains."""
    target = Target(_nowhere, _nowhere, _nowhere, ground.codec, ground.book)
    return Intake(target, ground.pools.patient, ground.vault)


async def _nowhere(_: Sequence[Any]) -> None:
    """Where goes what is sent by a sandbox key."""


async def _read_mappings(pool: Any, book: RecipeBook, recipes: Mapping[str, Recipe]) -> None:
    """Read the codes that people mapped since; without PostgreSQL what was read last holds."""
    book.recipes = await held.mapped(pool, recipes)
