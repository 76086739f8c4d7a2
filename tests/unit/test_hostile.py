"""Whatever a payload holds, a recipe makes a scan that can be written, or says what is wrong; nothing else."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.model.scan import Scan
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.carriers import RECIPES
from services.ingest.domain.personal import without_personal
from services.ingest.domain.recipe import Receipt, Recipe, to_scan
from services.ingest.doors.batch import read_batch, read_report
from tests.golden import PAIRS, named

CODEC = Codec()
CANARY = "Lan 0912345678"
TIMES = (
    "29/02/2023 10:00:00", "29/02/2024 10:00:00", "31/04/2022 06:21:31", "04/05/2022 06:21:31",
    "2026-11-24T24:00:00", "2026-11-24T09:30:00+14:00", "2026-11-24T09:30:00-12:00", "2026-11-24", "now",
    "2026-11-24T09:30:00+99:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "２０２６-11-24T09:30:00", "2026-W48-2", "1e9",
    "2026-11-24T09:30:60", "2026-11-24 09:30:00.123456789", "-1", "99999999999999999999",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(TIMES),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "\ud800",
            "NaN",
            "null",
            "Z82BS",
            "5",
            "-1",
            "delivered",
            CANARY,
            "𝟻",
            "٣",
            "x" * 301,
        ]
    ),
    st.text(max_size=20),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS,
    st.sampled_from([10**400, -(2**63) - 1, 2**63, float("inf"), 1e308]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def payloads(draw: st.DrawFn, recipe: Recipe) -> Any:
    """Anything; or a golden payload of the recipe in which something is replaced, missing or added."""
    good = [{**pair.payload, **pair.headers} for own, pair in PAIRS if own is recipe and pair.payload]
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    payload = json.loads(json.dumps(draw(st.sampled_from(good))))
    for _ in range(draw(st.integers(1, 3))):
        holder = payload
        while True:
            name = draw(st.sampled_from([*holder, "added"])) if holder else "added"
            if not isinstance(holder.get(name), dict) or draw(st.booleans()):
                break
            holder = holder[name]
        if draw(st.integers(0, 4)) == 0:
            holder.pop(name, None)
        else:
            holder[name] = draw(VALUES)
    return payload


def scan_or_refusal(recipe: Recipe, payload: Any, door: str) -> Scan | str | None:
    parse = recipe.parse if door == "webhook" else read_report
    try:
        report = parse(payload)
        return None if report is None else to_scan(recipe, report, Receipt(recipe.format, door, 9))
    except BadItem as bad:
        return str(bad)


def read(recipe: Recipe, payload: Any, door: str) -> None:
    scan = scan_or_refusal(recipe, payload, door)
    if isinstance(scan, str):
        assert CANARY not in scan
        assert len(scan.encode()) < 600
    elif scan is not None:
        assert CODEC.decode(CODEC.encode("ScanEvent", scan._asdict()))[1]["number"] == scan.number
        assert CANARY not in repr(scan)
        assert "\x00" not in repr(scan)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_a_recipe_reads_or_refuses_whatever_comes(recipe: Recipe) -> None:
    @settings(max_examples=1000, deadline=None)
    @given(payloads(recipe), st.sampled_from(["webhook", "api"]))
    def whatever(payload: Any, door: str) -> None:
        if isinstance(payload, dict) or door == "api":
            read(recipe, payload, door)
        json.dumps(without_personal(payload, recipe.personal))

    whatever()


def status_of(body: bytes) -> int:
    try:
        parse_json(body)
    except Problem as wrong:
        return wrong.status
    return 200


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.binary(max_size=60), VALUES.map(lambda value: json.dumps(value).encode())))
def test_json_of_any_bytes_is_values_or_a_problem(body: bytes) -> None:
    assert status_of(body) in (200, 400)
    assert status_of(body[:-1]) in (200, 400)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_whatever_stands_where_a_field_should_is_not_repeated(recipe: Recipe) -> None:
    [pair, *_] = [each for own, each in PAIRS if own is recipe and each.payload]
    for door in ("webhook", "api"):
        for changed in with_canary({**pair.payload, **pair.headers}):
            read(recipe, changed, door)


def with_canary(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The payload with a person's name and number in the place of one text or number after another."""
    for name, value in payload.items():
        if isinstance(value, dict):
            yield from ({**payload, name: inner} for inner in with_canary(value))
        elif isinstance(value, str | int):
            yield {**payload, name: CANARY}


def test_a_key_that_stands_twice_is_refused_by_name_at_whatever_depth() -> None:
    for text in (b'{"a": 1, "a": 2}', b'[{"x": {"a": [], "b": 1, "a": []}}]'):
        with pytest.raises(Problem, match=r"^a stands twice"):
            parse_json(text)


def test_of_a_batch_the_item_with_a_key_twice_is_refused_alone() -> None:
    good = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00Z"}
    plain = json.dumps(good)
    bad = plain.replace('"code"', '"code": "x", "code"')
    for kind, body in (("json", f"[{plain}, {bad}]"), ("x-ndjson", f"{plain}\n{bad}\n")):
        first, second = read_batch(f"application/{kind}", body.encode(), 10)
        assert read_report(first).number == "Z82BS"
        with pytest.raises(BadItem, match="code stands twice"):
            read_report(second)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


LARGE = st.sampled_from(
    [
        "x" * 200_000, "9" * 200_000, " " * 200_000, "a " * 100_000, "-" * 200_000, "1" + "0" * 200_000 + ".5e9",
        "%s" * 50_000, "\u0130" * 100_000, 10**140, 10**5_000, -(10**5_000), 1e308, nested(30), [[]] * 50_000,
        {f"name{each}": each for each in range(50_000)}, ["x" * 1_000] * 100,
    ]
)  # fmt: skip
MOST_SECONDS = 0.5
"""Of processor time; what is read of a payload of the largest size takes some milliseconds."""


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_however_large_the_fields_are_the_work_is_bounded(recipe: Recipe) -> None:
    goods = [{**pair.payload, **pair.headers} for own, pair in PAIRS if own is recipe and pair.payload]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(goods), st.data(), st.sampled_from(["webhook", "api"]))
    def whatever(good: dict[str, Any], data: st.DataObject, door: str) -> None:
        payload = json.loads(json.dumps(good))
        for name in data.draw(st.lists(st.sampled_from([*payload, "added"]), min_size=1, max_size=4)):
            inner = payload.get(name)
            holder, own = (
                (inner, next(iter(inner))) if isinstance(inner, dict) and inner else (payload, name)
            )
            holder[own] = data.draw(LARGE)
        started = time.process_time()
        read(recipe, payload, door)
        assert time.process_time() - started < MOST_SECONDS

    whatever()


@pytest.mark.parametrize("number", [10**5_000, -(10**5_000)], ids=["large", "small"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_a_number_of_more_digits_than_are_written_out_is_read_as_none_in_whatever_field(
    recipe: Recipe, number: int
) -> None:
    """Python writes out no number of thousands of digits, but fails."""
    goods = [{**pair.payload, **pair.headers} for own, pair in PAIRS if own is recipe and pair.payload]
    for good in goods:
        for name in [*good, "added"]:
            for door in ("webhook", "api"):
                read(recipe, {**good, name: number}, door)


def test_an_object_of_more_names_than_an_item_may_have_is_refused_before_they_are_looked_at() -> None:
    with pytest.raises(BadItem) as refused:
        read_report({f"name{each}": each for each in range(100_000)})
    assert refused.value.code == "too_many_fields"
