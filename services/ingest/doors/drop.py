"""The drop folder: files that carriers put into `FOLDER/CODE/` are taken in, and then lie in `done` or `refused`.

A file is taken when two looks in a row find it the same, since who copies it may not be finished. A process that is
killed takes it up again where it stopped; one that is killed before the move finds it done already. The files of a
carrier come in one after the other, those of several carriers side by side.
"""

import asyncio
import itertools
import os
import stat
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from buuta.errors import BadItem, Retry
from buuta.storage.background import is_waited_for, run_forever, said
from buuta.telemetry import metrics
from services.ingest.doors import events
from services.ingest.doors.file import Summary, take_file
from services.ingest.doors.plain import beside, shown_file, write_plain
from services.ingest.doors.report import SUFFIX
from services.ingest.doors.sheets import TABLES
from services.ingest.intake import Intake
from services.ingest.storage import Carrier, carrier_of

log = structlog.get_logger()
ENDINGS: Final = (*TABLES, ".txt", *events.ENDINGS)
LOOK_SECONDS: Final = 2.0
TRIES: Final = 5
"""So many looks may fail at a file before it is refused."""
LOOP: Final = "drop_folder"
AT_ONCE: Final = 4
"""Carriers whose files are taken in at the same time."""


class StillGrows(Retry):
    """Somebody wrote to the file while it was taken in: it is looked at again, and nothing counts twice."""


Look = tuple[int, int]
"""Size and time of a file's last change."""


@dataclass(frozen=True)
class Dropped:
    """A file of a carrier's."""

    carrier: str
    path: Path


class DropFolder:
    """Watches a folder; `look` is one look."""

    def __init__(self, folder: Path, intake: Intake) -> None:
        self._folder = folder
        self._intake = intake
        self._seen: dict[Path, Look] = {}
        self._failures: dict[Path, int] = {}

    async def run(self) -> None:
        """Watch for ever; what is away now is tried again at the next look."""
        await run_forever(LOOP, self._turn, LOOK_SECONDS, within=None)

    async def _turn(self) -> None:
        await self.look()

    async def look(self) -> list[Path]:
        """Take in what has not changed since the last look; returns where each file lies now that was moved.

        Raises:
            Exception: the first of what went wrong, once every carrier's files have had their turn.
        """
        found = await asyncio.to_thread(lambda: dict(self._files()))
        self._failures = {path: count for path, count in self._failures.items() if path in found}
        steady: dict[str, list[Path]] = defaultdict(list)
        for path, state in found.items():
            if self._seen.get(path) == state:
                steady[path.parent.name].append(path)
        self._seen = found
        moved: list[Path] = []
        turns = asyncio.Semaphore(AT_ONCE)

        async def take(carrier: str) -> None:
            async with turns:
                for path in steady[carrier]:
                    # What comes behind one that is tried again waits for it, and for no other carrier's.
                    moved.extend(await self._take_alone(Dropped(carrier, path)))

        await _side_by_side([take(carrier) for carrier in sorted(steady)])
        return sorted(moved)

    async def _take_alone(self, dropped: Dropped) -> list[Path]:
        """A file at which we fail again and again is refused, and the others are taken in."""
        try:
            moved = await self._take(dropped)
        except Exception as why:
            if _is_gone(dropped.path):
                return []
            if _is_away(why):
                raise
            failures = self._failures[dropped.path] = self._failures.get(dropped.path, 0) + 1
            if failures < TRIES:
                raise
            metrics.SET_ASIDE.labels(LOOP).inc()
            log.exception("file_failed", file=shown_file(dropped.path))
            moved = _refused(dropped.path, f"it could not be taken in: {said(why)}")
        self._failures.pop(dropped.path, None)
        return [moved]

    def _files(self) -> Iterator[tuple[Path, Look]]:
        """Carriers' files as they are now; a folder that cannot be read hides no other."""
        for own in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            try:
                yield from _wanted(own)
            except OSError as why:
                log.warning("folder_unreadable", carrier=shown_file(own), error=type(why).__name__)

    async def _take(self, dropped: Dropped) -> Path:
        carrier = await carrier_of(self._intake.pool, dropped.carrier)
        if carrier is None:
            return _refused(dropped.path, f"there is no carrier {dropped.carrier!r}")
        try:
            summary = await take_any(self._intake, carrier, dropped.path, lambda _: None)
        except BadItem as bad:
            return _refused(dropped.path, str(bad))
        if _state(dropped.path) != self._seen.get(dropped.path):
            log.info("file_still_grows", file=shown_file(dropped.path))
            raise StillGrows
        counts = {name: count for name, count in summary.counts.items() if count}
        log.info("file_taken", carrier=carrier.code, file=shown_file(dropped.path), **counts)
        if summary.report is not None:
            _moved(summary.report, "done")
        return _moved(dropped.path, "done")


async def _side_by_side(work: Sequence[Awaitable[None]]) -> None:
    """Do all of it; one alone as it is.

    Raises:
        Exception: the first that was raised, once all are done.
    """
    if len(work) == 1:
        await work[0]
        return
    for why in await asyncio.gather(*work, return_exceptions=True):
        if why is not None:
            raise why


async def take_any(intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]) -> Summary:
    """Take a file in by its ending: EPCIS events, or a table."""
    take = events.take_events if path.suffix.lower() in events.ENDINGS else take_file
    return await take(intake, carrier, path, advance)


def _is_away(why: Exception) -> bool:
    """An error of the file system is the file's own, and no sign that PostgreSQL is away."""
    of_files = isinstance(why, OSError) and not isinstance(why, ConnectionError | TimeoutError)
    return is_waited_for(why) and not of_files


def _wanted(own: Path) -> Iterator[tuple[Path, Look]]:
    for path in sorted(own.iterdir()):
        name = path.name.lower()
        if name.endswith(ENDINGS) and not name.endswith(SUFFIX) and not name.startswith("."):
            # It may be gone since: somebody took it away, or has given it its final name.
            with suppress(FileNotFoundError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
                    yield path, (found.st_size, found.st_mtime_ns)


def _is_gone(path: Path) -> bool:
    return not os.path.lexists(path)


def _state(path: Path) -> Look:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns


def _refused(path: Path, why: str) -> Path:
    moved = _moved(path, "refused")
    with os.fdopen(write_plain(beside(moved, ".error.txt")), "w", encoding="utf-8") as reason:
        reason.write(f"{why}\n")
    log.warning("file_refused", file=shown_file(path), why=why)
    return moved


def _moved(path: Path, place: str) -> Path:
    """The file in `place` beside it, under a name that nothing there has.

    Raises:
        OSError: the disk is full, or somebody has laid a link in the place of our folder.
    """
    folder = path.parent / place
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise NotADirectoryError(f"{place} is a link")
    endings = itertools.chain([path.suffix], (f"-{number}{path.suffix}" for number in itertools.count(1)))
    names = (beside(Path(path.stem), ending, folder) for ending in endings)
    return path.rename(next(name for name in names if not os.path.lexists(name)))
