"""Ten faults, most kinds among them, on three brokers under load; `make chaos` runs many more."""

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.rounds import play_rounds

SEED_OF_MANY_KINDS = 9445


@pytest.mark.java
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_after_ten_faults_of_many_kinds_nothing_is_lost_or_doubled() -> None:
    outcome = await play_rounds(10, SEED_OF_MANY_KINDS)
    assert outcome.books.differences == [], f"{outcome.books.figures}\n{outcome.last_lines}"
    assert outcome.books.figures["accepted"] > 100
    assert len(outcome.faults.keys() & FAULTS.keys()) >= 6
