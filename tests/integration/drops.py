"""The drop folder as tests look at it: a look, and all the turns that follow from it."""

import asyncio
from pathlib import Path

from services.ingest.doors.drop import AT_ONCE, DropFolder

REPORTS = (".rejected.csv", ".error.txt")


async def look_once(watching: DropFolder) -> list[Exception]:
    """One look, and the turns one after another; returns what went wrong."""
    await watching.look()
    return await lane(watching)


async def look_beside(watching: DropFolder) -> list[Exception]:
    """One look, and the turns side by side as in earnest; returns what went wrong."""
    await watching.look()
    found = await asyncio.gather(*(lane(watching) for _ in range(AT_ONCE)))
    return [why for each in found for why in each]


async def lane(watching: DropFolder) -> list[Exception]:
    """Turn after turn until nobody waits."""
    wrong: list[Exception] = []
    more = True
    while more:
        try:
            more = await watching.turn()
        except Exception as why:
            wrong.append(why)
    return wrong


def settled(folder: Path) -> set[Path]:
    """The files below a drop folder that lie in `done` or `refused`."""
    found = {path for place in ("done", "refused") for path in folder.glob(f"*/{place}/*")}
    return {path for path in found if not path.name.endswith(REPORTS)}
