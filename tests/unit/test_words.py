"""The words: every language has every one."""

from typing import Any

import pytest

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import DeliveryMode, Reason, Status
from services.notifier.app import sentences
from services.notifier.domain.rules import BACKOFF_SECONDS, TOLD, pause_after
from services.notifier.domain.sms import segment, unaccented
from services.notifier.domain.words import words
from services.portal.domain import texts


def milestone(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ordinal": 2, "carrier": "ghtk", "number": "S1.A1.17373471",
            "delivery_mode": None, "occurred_at": 1478063919000, "offset_minutes": 420} | more  # fmt: skip


@pytest.mark.parametrize("kind", sorted(TOLD))
@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_told_milestone_has_a_sentence_that_fits_two_sms_in_gsm(kind: str, language: str) -> None:
    said = words(sentences(), milestone(kind), language, "https://buuta.example.vn")
    assert "S1.A1.17373471" in said.sentence
    cut = segment(unaccented(f"{said.sentence} {said.page}"), 0)
    assert not cut.ucs2
    assert len(cut.parts) <= 2


@pytest.mark.parametrize("mode", [None, *DeliveryMode])
def test_a_delivery_says_how_only_where_it_is_known(mode: str | None) -> None:
    said = words(sentences(), milestone("delivered", delivery_mode=mode), "en", "x").sentence
    assert ("address" in said) == (mode == "address")


def test_told_kinds_are_milestone_kinds() -> None:
    assert set(TOLD) <= {str(kind) for kind in MilestoneKind}


def test_the_portal_has_every_word_in_both_languages() -> None:
    for table, keys in ((texts.STATUS, Status), (texts.REASON, Reason), (texts.MODE, DeliveryMode)):
        assert set(table) == {str(key) for key in keys}
    for table in (texts.STATUS, texts.REASON, texts.MODE, texts.PAGE):
        for entry in table.values():
            assert set(entry) == set(texts.LANGUAGES)


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        (None, "", "vi"), ("en", "vi", "en"), ("xx", "en-GB,en;q=0.9", "en"), (None, "fr,en;q=0.3", "en"),
        (None, "en;q=0.2,vi;q=0.8", "vi"), (None, "en;q=abc", "vi"), (None, "*", "vi"),
    ],
)  # fmt: skip
def test_the_language_is_the_links_then_the_browsers_then_vietnamese(
    asked: str | None, header: str, language: str
) -> None:
    assert texts.choose(asked, header) == language


def test_attempts_pause_longer_and_end() -> None:
    pauses = [pause_after(attempt) for attempt in range(1, len(BACKOFF_SECONDS) + 1)]
    assert pauses == sorted(BACKOFF_SECONDS)
    assert pause_after(len(BACKOFF_SECONDS) + 1) is None
