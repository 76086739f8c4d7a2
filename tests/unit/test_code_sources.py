"""Every code of ours names where it is from, and the vendors' own words are heard (domain 2.5, 3.2)."""

from pathlib import Path

import pytest

from buuta.errors import BadSettings
from buuta.model.statuses import Reason, Status
from services.ingest.carriers import RECIPES
from services.ingest.carriers.loading import load_recipes
from services.ingest.domain.recipe import Recipe
from tests.golden import named

RECIPE = (
    'title = "T"\nversion = "1"\nidentity = ["number", "code", "time"]\n'
    '[fields]\nnumber = "n"\ncode = "c"\ntime = "t"\n'
)
SOURCES = '[sources]\nvendor = "its page"\n'
HEAD = "code,status,reason,mode,provisional,source,words\n"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_every_code_of_ours_names_its_source_and_the_page_says_what_that_is(recipe: Recipe) -> None:
    used = {row.source for row in recipe.codes.values()}
    assert None not in used
    assert used <= recipe.sources.keys()
    page = (Path(__file__).parents[2] / "docs" / "carriers" / f"{recipe.format}.md").read_text(
        encoding="utf-8"
    )
    assert all(said in page for said in recipe.sources.values())


@pytest.mark.parametrize(
    ("recipe", "codes", "package", "says"),
    [
        (RECIPE + SOURCES, HEAD + "7,delivered,,,,,\n", "ours", "7 source: names none of vendor"),
        (RECIPE, HEAD + "7,delivered,,,,vendor,\n", None, "7 source: vendor is not in [sources]"),
        (RECIPE + SOURCES, HEAD + "7,delivered,,,,hearsay,\n", None, "7 source"),
    ],
)
def test_a_source_that_is_missing_or_not_said_is_refused_when_the_recipe_loads(
    tmp_path: Path, recipe: str, codes: str, package: str | None, says: str
) -> None:
    (tmp_path / "hop").mkdir()
    (tmp_path / "hop" / "recipe.toml").write_text(recipe)
    (tmp_path / "hop" / "codes.csv").write_text(codes)
    with pytest.raises(BadSettings) as refused:
        load_recipes(tmp_path, package)
    assert says in str(refused.value)


def test_a_table_of_somebody_elses_may_leave_its_sources_unsaid(tmp_path: Path) -> None:
    (tmp_path / "hop").mkdir()
    (tmp_path / "hop" / "recipe.toml").write_text(RECIPE)
    (tmp_path / "hop" / "codes.csv").write_text("code,status,reason,mode,provisional\n7,delivered,,,\n")
    assert load_recipes(tmp_path, None)["hop"].codes["7"].status is Status.DELIVERED


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("102", "pickup_failed", None), ("503", "damaged", "partner_cancelled"), ("506", "attempt_failed", None),
        ("507", "attempt_failed", "other"), ("508", "held", "reschedule_requested"),
        ("550", "held", "reschedule_requested"), ("510", "in_transit", None), ("512", "attempt_failed", "refused"),
        ("513", "attempt_failed", "no_contact"), ("500", "out_for_delivery", None),
    ],
)  # fmt: skip
def test_viettel_posts_codes_mean_what_the_table_of_its_webhook_says(
    code: str, status: str, reason: str | None
) -> None:
    row = RECIPES["viettelpost"].codes[code]
    assert (row.status, row.reason) == (Status(status), reason and Reason(reason))


def test_a_code_that_no_public_list_explains_is_in_no_table() -> None:
    assert "570" not in RECIPES["viettelpost"].codes, "its group is known, its meaning is not"
    assert "12" not in RECIPES["ems"].codes, "'another status' says nothing"
    assert {"45", "49", "123", "127", "128", "410"} == {
        code for code, row in RECIPES["ghtk"].codes.items() if row.provisional
    }
