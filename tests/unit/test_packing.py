"""Packed bodies cost what their bytes cost, however they are packed."""

import gzip
import time
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from buuta.web.packing import MOST_MEMBERS, unpacked
from buuta.web.problems import Problem

PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
NAMES = pytest.mark.parametrize("name", PACKERS)


@NAMES
@given(st.lists(st.binary(max_size=200_000), min_size=1, max_size=5))
def test_members_in_a_row_are_one_body(name: str, parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert unpacked(b"".join(map(PACKERS[name], parts)), name, len(whole)) == whole


@NAMES
def test_members_without_end_are_refused_in_time(name: str) -> None:
    body = PACKERS[name](b"") * 249_000
    started = time.process_time()
    with pytest.raises(Problem) as refused:
        unpacked(body, name, 5_000_000)
    assert (refused.value.status, refused.value.code) == (413, "too_many_members")
    assert time.process_time() - started < 1, "28 s before"
    assert unpacked(PACKERS[name](b"") * MOST_MEMBERS, name, 5_000_000) == b""


@NAMES
def test_what_unpacks_to_too_much_or_ends_too_early_is_refused(name: str) -> None:
    packed = PACKERS[name](b"\x00" * 10_000_000)
    for body, limit, code in (
        (packed, 9_999_999, "body_too_large"),
        (packed[:-9], 10**8, "body_not_packed"),
    ):
        with pytest.raises(Problem) as refused:
            unpacked(body, name, limit)
        assert refused.value.code == code
    assert unpacked(b"", name, 0) == b""
