"""Samples by command: reports as their carriers send them, at times of now, read by the format itself."""

import json
from urllib.parse import parse_qsl

import pytest

from buuta.audit.conformance import Sample, check
from buuta.audit.samples import MINUTE_MS, Wanted, sample
from buuta.errors import BadItem
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from services.ingest.carriers import RECIPES
from services.ingest.domain.recipe import Receipt

NOW = 1_796_057_400_000
"""30 November 2026, 23:50 in Hanoi: an hour ago is another day in UTC and not there."""


def read(format_name: str, text: str) -> Scan:
    recipe = RECIPES[format_name]
    payload = json.loads(text) if text[0] in "[{" else dict(parse_qsl(text))
    payload = payload[0] if isinstance(payload, list) else payload
    receipt = Receipt(format_name, "webhook", NOW)
    [verdict] = check(recipe, receipt, [Sample("1", payload, recipe.parse)]).verdicts
    assert verdict.scan is not None, verdict.says
    return verdict.scan


@pytest.mark.parametrize("ago", [0, 60, 3 * 1440])
@pytest.mark.parametrize("format_name", ["ghn", "ghtk", "buuta", "viettelpost", "jt", "spx"])
def test_a_sample_is_of_the_minute_that_was_asked_for(format_name: str, ago: int) -> None:
    at = NOW - ago * MINUTE_MS
    scan = read(format_name, sample(RECIPES[format_name], Wanted(at)))
    assert 0 <= at - scan.occurred_at < MINUTE_MS


@pytest.mark.parametrize(
    ("format_name", "number"), [("ghn", "LBW7A2"), ("ghtk", "S22.HN1.90210"), ("buuta", "EJ123456785VN")]
)
def test_a_sample_has_the_number_and_the_status_that_were_asked_for(format_name: str, number: str) -> None:
    for status in (Status.ACCEPTED, Status.OUT_FOR_DELIVERY, Status.DELIVERED, Status.RETURNED):
        scan = read(format_name, sample(RECIPES[format_name], Wanted(NOW, number, status)))
        assert (scan.number, scan.status, scan.provisional) == (number, status, False)


def test_what_no_sample_can_say_is_refused_and_never_made_up() -> None:
    with pytest.raises(BadItem, match="no sample of ghn can say that"):
        sample(RECIPES["ghn"], Wanted(NOW, "not a number", None))
