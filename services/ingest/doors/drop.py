"""The drop folder: files that carriers put into `FOLDER/CODE/` are taken in, and then lie in `done` or `refused`.

A file is taken when two looks in a row find it the same, since who copies it may not be finished. A process that is
killed takes it up again where it stopped; one that is killed before the move finds it done already.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from buuta.errors import BadItem
from buuta.storage.background import in_turn, is_waited_for, run_forever, said
from buuta.telemetry import metrics
from services.ingest.doors import events
from services.ingest.doors.file import Summary, take_file
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
        """Take in what has not changed since the last look; returns where each file lies now that was moved."""
        files = list(self._files())
        found = {each.path: _state(each.path) for each in files}
        steady = [each for each in files if self._seen.get(each.path) == found[each.path]]
        self._seen = found
        moved: list[Path] = []

        async def take(dropped: Dropped) -> None:
            moved.append(await self._take_alone(dropped))

        await in_turn(steady, take)
        return moved

    async def _take_alone(self, dropped: Dropped) -> Path:
        """A file at which we fail again and again is refused, and the others are taken in."""
        try:
            moved = await self._take(dropped)
        except Exception as why:
            if _is_away(why):
                raise
            failures = self._failures[dropped.path] = self._failures.get(dropped.path, 0) + 1
            if failures < TRIES:
                raise
            metrics.SET_ASIDE.labels(LOOP).inc()
            log.exception("file_failed", file=dropped.path.name)
            moved = _refused(dropped.path, f"it could not be taken in: {said(why)}")
        self._failures.pop(dropped.path, None)
        return moved

    def _files(self) -> Iterator[Dropped]:
        for own in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            for path in sorted(own.iterdir()):
                name = path.name.lower()
                wanted = name.endswith(ENDINGS) and not name.endswith(SUFFIX) and not name.startswith(".")
                if wanted and path.is_file():
                    yield Dropped(own.name, path)

    async def _take(self, dropped: Dropped) -> Path:
        carrier = await carrier_of(self._intake.pool, dropped.carrier)
        if carrier is None:
            return _refused(dropped.path, f"there is no carrier {dropped.carrier!r}")
        try:
            summary = await take_any(self._intake, carrier, dropped.path, lambda _: None)
        except BadItem as bad:
            return _refused(dropped.path, str(bad))
        counts = {name: count for name, count in summary.counts.items() if count}
        log.info("file_taken", carrier=carrier.code, file=dropped.path.name, **counts)
        if summary.report is not None:
            _moved(summary.report, "done")
        return _moved(dropped.path, "done")


async def take_any(intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]) -> Summary:
    """Take a file in by its ending: EPCIS events, or a table."""
    take = events.take_events if path.suffix.lower() in events.ENDINGS else take_file
    return await take(intake, carrier, path, advance)


def _is_away(why: Exception) -> bool:
    """An error of the file system is the file's own, and no sign that PostgreSQL is away."""
    of_files = isinstance(why, OSError) and not isinstance(why, ConnectionError | TimeoutError)
    return is_waited_for(why) and not of_files


def _state(path: Path) -> Look:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _refused(path: Path, why: str) -> Path:
    moved = _moved(path, "refused")
    moved.with_name(f"{moved.name}.error.txt").write_text(f"{why}\n", encoding="utf-8")
    log.warning("file_refused", file=path.name, why=why)
    return moved


def _moved(path: Path, place: str) -> Path:
    """The file in `place` beside it, under a name that nothing there has."""
    folder = path.parent / place
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
    return path.rename(target)
