"""Hostile bodies at every HTTP door of a running ingest; `make chaos` sends 10,000."""

from tests.chaos.hostile import MOST_GROWTH, hostile


async def test_no_error_of_ours_no_neighbour_lost_and_nothing_personal_said() -> None:
    found, there, grown = await hostile(count=600, seed=7)
    assert found.wrong == []
    assert sum(found.statuses.values()) == 600
    assert there == len(found.neighbours) > 100
    assert grown < MOST_GROWTH
