"""The real storage against a plain model: whatever happens in whatever order, the fold of the set is stored."""

import asyncio
import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from buuta.contracts.codec import Codec
from buuta.model.identifiers import event_id
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.model.statuses import Status
from buuta.settings import SharedSettings
from services.tracker.domain.deadlines import Passed, running
from services.tracker.domain.epochs import Papers
from services.tracker.domain.fold import Folded, fold
from services.tracker.domain.parcel import Declared
from services.tracker.storage import load_parcels, load_past
from tests.integration.parts import EMPTY, chunk, worker
from tests.scans import MORNING, declared, later, registration, scan

STATUSES = [*map(str, Status), *("delivered", "lost") * 6]
"""Endings often: from them epochs follow."""
DAYS = st.sampled_from([0, 1, 40, 160, 200, 390])
NUMBERS = st.sampled_from(["N1", "N2"])
SHOPS = st.sampled_from(["first", "first", "second", "confirmed"])


class Tracked(RuleBasedStateMachine):
    """Records go to a chunk; the chunk is applied; a model keeps the set of what was applied."""

    known = Bundle("known")

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: SharedSettings, pool: Any) -> None:
        super().__init__()
        self._loop, self._settings, self._pool = loop, settings, pool
        self._stack = contextlib.AsyncExitStack()
        self._waiting: list[Any] = []
        self._scans: dict[str, list[Scan]] = {}
        self._papers: dict[str, Papers] = {}
        self._version = 0

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @initialize()
    def begin(self) -> None:
        self._do(self._pool.execute(EMPTY))
        self._start()

    def _start(self) -> None:
        self._worker = self._do(self._stack.enter_async_context(worker(self._settings, self._pool)))

    @rule(
        target=known, number=NUMBERS, status=st.sampled_from(STATUSES),
        hour=st.integers(0, 9), day=DAYS, provisional=st.sampled_from([False, False, True]),
    )  # fmt: skip
    def report(self, number: str, status: str, hour: int, day: int, provisional: bool) -> Scan:  # noqa: FBT001
        return self._reported(later(scan(status, hour, number, provisional=provisional), day))

    @rule(
        target=known,
        wrong=known,
        kind=st.sampled_from(["did_not_occur", "incorrect_data"]),
        hour=st.integers(0, 9),
    )
    def correct(self, wrong: Scan, kind: str, hour: int) -> Scan:
        own = event_id("ghn", (wrong.event_id, kind, str(hour)))
        moved = wrong._replace(occurred_at=wrong.occurred_at + hour, received_at=wrong.received_at + hour)
        return self._reported(
            moved._replace(event_id=own, corrects_event_id=wrong.event_id, correction_kind=kind)
        )

    @rule(copied=known, earlier=st.sampled_from([0, 1, -1]))
    def report_again(self, copied: Scan, earlier: int) -> None:
        self._reported(copied._replace(received_at=copied.received_at - earlier, raw_code="again"))

    def _reported(self, made: Scan) -> Scan:
        self._waiting.append(made)
        self._scans.setdefault(made.number, []).append(made)
        return made

    @rule(
        number=NUMBERS,
        day=DAYS,
        withdrawn=st.sampled_from([False, False, True]),
        hours=st.sampled_from([None, 5]),
        shop=SHOPS,
    )
    def register(self, number: str, day: int, withdrawn: bool, hours: int | None, shop: str) -> None:  # noqa: FBT001
        self._version += 1
        at = MORNING + day * 86_400_000
        made = registration(
            number, version=self._version, registered_at=at, withdrawn=withdrawn, registration_id=shop,
            promised_at=hours and at + hours * 3_600_000, service="express", confirmed=shop == "confirmed",
        )  # fmt: skip
        self._waiting.append(made)
        papers = self._papers.get(number, Papers())
        self._papers[number] = papers._replace(registrations=papers.registrations | {_declared(made)})

    @rule(number=NUMBERS)
    def see_deadlines_pass(self, number: str) -> None:
        for due in running(self._expected(number).parcel):
            record = DeadlinePassed("ghn", number, due.kind, due.deadline_at, due.deadline_at + 1)
            self._waiting.append(Codec().encode("DeadlinePassed", record._asdict()))
            papers = self._papers.get(number, Papers())
            self._papers[number] = papers._replace(
                passed=papers.passed | {Passed(due.kind, due.deadline_at)}
            )

    @precondition(lambda self: self._waiting)
    @rule()
    def apply(self) -> None:
        start = self._do(self._pool.fetchval("select coalesce(max(position), 0) from progress"))
        self._do(self._worker.handle(chunk(self._settings, start, self._waiting)))
        self._waiting = []

    @rule()
    def go_to_another_owner(self) -> None:
        self._do(self._stack.aclose())
        self._start()

    def _expected(self, number: str) -> Folded:
        return fold(self._scans.get(number, ()), self._papers.get(number, Papers()))

    @invariant()
    def what_is_stored_is_the_fold_of_the_set(self) -> None:
        if self._waiting:
            return
        for number in {*self._scans, *self._papers}:
            key, expected = f"ghn:{number}", self._expected(number)
            stored = self._do(load_parcels(self._pool, [key]))[key]
            stored.sequence = 0
            assert stored == expected.parcel
            past = self._do(load_past(self._pool, [key])).get(key, [])
            assert sorted(past, key=lambda each: each.epoch) == expected.past

    def teardown(self) -> None:
        if self._waiting:
            self.apply()
            self.what_is_stored_is_the_fold_of_the_set()
        self._do(self._stack.aclose())


def _declared(made: Registration) -> Declared:
    return declared(**{name: getattr(made, name) for name in Declared._fields})


async def test_whatever_happens_the_fold_of_the_set_is_stored(settings: SharedSettings, pool: Any) -> None:
    loop = asyncio.get_running_loop()
    limits = hypothesis_settings(
        max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    tracked: Any = partial(Tracked, loop, settings, pool)
    await asyncio.to_thread(run_state_machine_as_test, tracked, settings=limits)


pytestmark = pytest.mark.timeout(900)
