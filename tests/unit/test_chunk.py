"""Chunks that wait for one another are applied together."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from buuta.streaming.chunk import Chunk, chunk_of, fewest
from tests.integration.parts import FakeRecord

MOST = 10
Cuts = st.lists(st.tuples(st.integers(1, MOST), st.sampled_from([0, 0, 0, 3])), min_size=1, max_size=20)
"""Records of a chunk, and the gap in the log before it."""


def chunks(cuts: list[tuple[int, int]]) -> list[Chunk]:
    made, position = [], 0
    for records, gap in cuts:
        start = position + gap
        position = start + records
        values = [FakeRecord(offset, b"%d" % offset) for offset in range(start, position)]
        made.append(chunk_of("log", 0, values))
    return made


def joined(waiting: list[Chunk]) -> list[Chunk]:
    return list(fewest(waiting[0], iter(waiting[1:]), MOST))


@given(Cuts)
def test_no_record_is_lost_and_none_moves(cuts: list[tuple[int, int]]) -> None:
    waiting = chunks(cuts)
    records = [record for chunk in waiting for record in chunk.records]
    assert [record for chunk in joined(waiting) for record in chunk.records] == records


@given(Cuts)
def test_a_chunk_ends_where_the_log_has_a_gap_and_where_it_is_full(cuts: list[tuple[int, int]]) -> None:
    whole = joined(chunks(cuts))
    assert all(len(chunk.records) == chunk.next - chunk.start <= MOST for chunk in whole)
    assert all(chunk.last == chunk.records[-1].value for chunk in whole)
    for first, second in pairwise(whole):
        gap = second.start > first.next
        assert gap or len(first.records) + len(second.records) > MOST


def test_chunks_that_were_read_again_are_not_joined_to_what_came_before() -> None:
    [first, again] = chunks([(4, 0), (2, 0)])[0], chunks([(3, 0)])[0]
    assert joined([first, again]) == [first, again]
