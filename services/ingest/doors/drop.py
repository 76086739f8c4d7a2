"""The drop folder: files that carriers put into `FOLDER/CODE/` are taken in, and then lie in `done` or `refused`.

A file is taken when two looks in a row find it the same, since who copies it may not be finished. A process that is
killed takes it up again where it stopped; one that is killed before the move finds it done already. The files of a
carrier come in one after the other, those of several carriers side by side. Carriers take turns, a file each: who
has a long one goes on with it behind those that wait.
"""

import asyncio
import itertools
import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
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
from services.ingest.doors.plain import beside, marked, nameless, without_names, write_plain
from services.ingest.doors.report import NOTES, SUFFIX
from services.ingest.doors.sheets import NOT_READ, TABLES
from services.ingest.intake import Intake
from services.ingest.storage import Carrier, reporting

log = structlog.get_logger()
ENDINGS: Final = (*TABLES, *NOT_READ, ".txt", *events.ENDINGS)
LOOK_SECONDS: Final = 2.0
TRIES: Final = 5
"""So many looks may fail at a file before it is refused."""
LOOP: Final = "drop_folder"
IDLE_SECONDS: Final = 0.5
AT_ONCE: Final = 4
"""Carriers whose files are taken in at the same time: a file takes memory."""
TURN_SECONDS: Final = 30.0
"""So long a carrier is at its file while others wait; reading on to where it was takes time as well."""


class StillGrows(Retry):
    """Somebody wrote to the file while it was taken in: it is looked at again, and nothing counts twice."""


class TurnOver(Exception):
    """Others wait: the file goes on from here at its carrier's next turn."""


Look = tuple[int, int]
"""Size and time of a file's last change."""


@dataclass(frozen=True)
class Dropped:
    """A file of a carrier's, and how it was when it was found."""

    carrier: str
    path: Path
    state: Look


class DropFolder:
    """Watches a folder: `look` finds what is there, `turn` takes in a file of the carrier that waits longest."""

    def __init__(self, folder: Path, intake: Intake) -> None:
        self._folder = folder
        self._intake = intake
        self._seen: dict[Path, Look] = {}
        self._steady: dict[str, dict[Path, Look]] = {}
        self._waiting: dict[str, None] = {}
        """Carriers in the order in which they began to wait."""
        self._busy: set[str] = set()
        self._failures: dict[Path, int] = {}

    async def run(self) -> None:
        """Watch for ever; what is away now is tried again at a later look."""
        # A turn has an end of its own.
        turns = (run_forever(LOOP, self.turn, IDLE_SECONDS, within=None) for _ in range(AT_ONCE))
        await asyncio.gather(run_forever(LOOP, self.look, LOOK_SECONDS), *turns)

    async def look(self) -> None:
        """Find what has not changed since the last look; its carriers wait for their turns from then on."""
        with nameless():
            found = await asyncio.to_thread(lambda: dict(self._files()))
        self._failures = {path: count for path, count in self._failures.items() if path in found}
        steady: dict[str, dict[Path, Look]] = defaultdict(dict)
        for path, state in found.items():
            if self._seen.get(path) == state:
                steady[path.parent.name][path] = state
        self._seen, self._steady = found, steady
        for carrier in sorted(steady.keys() - self._busy):
            self._waiting.setdefault(carrier)

    async def turn(self) -> bool:
        """A file of the carrier that waits longest, or some time of a long one; False where none waits.

        Raises:
            Exception: it could not be taken in; it is tried again at the next look, and what lies behind it waits.
        """
        carrier = next(iter(self._waiting), None)
        if carrier is None:
            return False
        del self._waiting[carrier]
        self._busy.add(carrier)
        try:
            with nameless():
                await self._take_next(carrier)
        finally:
            self._busy.discard(carrier)
        if self._steady.get(carrier):
            self._waiting.setdefault(carrier)
        return True

    async def _take_next(self, carrier: str) -> None:
        own = self._steady.get(carrier, {})
        if not own:
            return
        path, state = next(iter(own.items()))
        with suppress(TurnOver):
            await self._take_alone(Dropped(carrier, path, state))
            # Meanwhile another look may have found it.
            self._steady.get(carrier, {}).pop(path, None)

    async def _take_alone(self, dropped: Dropped) -> None:
        """A file at which we fail again and again is refused, and the others are taken in."""
        try:
            await self._take(dropped)
        except TurnOver:
            raise
        except Exception as why:
            if _is_gone(dropped.path):
                return
            if _is_away(why):
                raise
            failures = self._failures[dropped.path] = self._failures.get(dropped.path, 0) + 1
            if failures < TRIES:
                raise
            metrics.SET_ASIDE.labels(LOOP).inc()
            log.error("file_failed", file=marked(dropped.path), exc_info=without_names(why))
            _refused(dropped.path, "failed", f"it could not be taken in: {said(why)}")
        self._failures.pop(dropped.path, None)

    def _files(self) -> Iterator[tuple[Path, Look]]:
        """Carriers' files as they are now; a folder that cannot be read hides no other."""
        for own in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            try:
                yield from _wanted(own)
            except OSError as why:
                log.warning("folder_unreadable", folder=marked(own), error=type(why).__name__)

    async def _take(self, dropped: Dropped) -> None:
        try:
            carrier = await reporting(self._intake.pool, dropped.carrier)
            summary = await take_any(self._intake, carrier, dropped.path, self._some_time())
        except BadItem as bad:
            _refused(dropped.path, bad.code, str(bad))
            return
        if _state(dropped.path) != dropped.state:
            log.info("file_still_grows", file=marked(dropped.path))
            raise StillGrows
        counts = {name: count for name, count in summary.counts.items() if count}
        event = "file_taken" if summary.taken_in_at is None else "file_taken_before"
        log.info(event, carrier=carrier.code, file=marked(dropped.path), **counts, **summary.doubts)
        for beside_it in (summary.report, summary.noted):
            if beside_it is not None:
                _moved(beside_it, "done")
        _moved(dropped.path, "done")

    def _some_time(self) -> Callable[[int], None]:
        """Ends a turn that has lasted, from what was done first on, where others wait."""
        ends: float | None = None

        def done(_: int) -> None:
            nonlocal ends
            if ends is None:
                ends = time.monotonic() + TURN_SECONDS
            elif self._waiting and time.monotonic() >= ends:
                raise TurnOver

        return done


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
        if name.endswith(ENDINGS) and not name.endswith((SUFFIX, NOTES)) and not name.startswith("."):
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


def _refused(path: Path, code: str, why: str) -> None:
    """The reason lies beside the file; the log says its code alone, since a reason may repeat what it is about."""
    moved = _moved(path, "refused")
    with os.fdopen(write_plain(beside(moved, ".error.txt")), "w", encoding="utf-8") as reason:
        reason.write(f"{why}\n")
    log.warning("file_refused", file=marked(moved), why=code)


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
