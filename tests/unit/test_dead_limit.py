"""Bad data is buried one by one; a bad deploy pauses the partition."""

from hypothesis import given
from hypothesis import strategies as st

from buuta.streaming.limit import DeadLimit, run_after

LIMIT = DeadLimit(run=5, share=0.2)


def test_a_few_bad_records_are_within_the_limit() -> None:
    assert LIMIT.broken(0, 10, {1, 3, 5, 7}) is None
    assert LIMIT.broken(0, 1000, {*range(0, 1000, 6)}) is None


def test_a_run_over_chunks_breaks_it() -> None:
    assert LIMIT.broken(3, 10, {0, 1}) is None
    assert "6 records in a row" in (LIMIT.broken(3, 10, {0, 1, 2}) or "")


def test_a_share_of_a_large_chunk_breaks_it_and_of_a_small_one_not() -> None:
    assert "500 of 1000" in (LIMIT.broken(0, 1000, {*range(0, 1000, 2)}) or "")
    assert LIMIT.broken(0, 100, {*range(0, 100, 2)}) is None


@given(st.integers(0, 9), st.lists(st.lists(st.booleans(), max_size=6), max_size=5))
def test_the_run_does_not_depend_on_how_the_log_was_cut(before: int, chunks: list[list[bool]]) -> None:
    run = before
    for chunk in chunks:
        run = run_after(run, len(chunk), {place for place, dead in enumerate(chunk) if dead})
    whole = [dead for chunk in chunks for dead in chunk]
    assert run == run_after(before, len(whole), {place for place, dead in enumerate(whole) if dead})
