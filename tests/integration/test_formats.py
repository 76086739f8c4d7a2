"""Every format comes in by its doors: golden pairs over HTTP, files in the sender's columns, tables alone."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from buuta.errors import BadItem, BadSettings
from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.carriers import RECIPES, all_recipes
from services.ingest.domain.recipe import Recipe
from services.ingest.doors.file import Summary, take_file, withdraw_file
from services.ingest.intake import Intake
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.golden import PAIRS, WEBHOOK_PAIRS, Pair, named
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, inside, intake_on, log, quarantined, served
from tests.integration.parts import producer_on
from tests.unit.test_carriers import GHN


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A carrier that is not in the code: a folder with two tables."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "hoptac").mkdir()
    (folder / "hoptac" / "recipe.toml").write_text(
        'title = "A cooperative"\nversion = "1"\nidentity = ["number", "code", "time"]\nfile = true\n'
        'personal = ["nguoi_nhan"]\n'
        '[fields]\nnumber = "ma.so"\ncode = "buoc"\ntime = "luc"\nprovince = "tinh"\n'
        '[times]\nforms = ["epoch_s"]\n[webhook]\nreply = { ok = "true", buoc = "$buoc" }\n'
    )
    (folder / "hoptac" / "codes.csv").write_text(
        "code,status,reason,mode,provisional\nnhan,accepted,,,\ngiao xong,delivered,,address,\n"
    )
    return folder


@pytest.fixture
async def client(settings: SharedSettings, pool: Any, more: Path) -> AsyncIterator[httpx.AsyncClient]:
    own = IngestSettings(**settings.model_dump() | {"ingest_recipes": more})
    async with served(wire, own) as client:
        yield client


@pytest.mark.parametrize(("recipe", "pair"), WEBHOOK_PAIRS, ids=named)
async def test_a_golden_pair_through_the_webhook(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any, recipe: Recipe, pair: Pair
) -> None:
    _, token = await add_carrier(pool, Carrier("vendor", recipe.title, recipe.format))
    url = f"/v1/webhooks/{token}/{recipe.format}"
    answer = await client.post(url, content=pair.content, headers=dict(pair.headers))
    assert recipe.webhook is not None
    refused = pair.becomes == "rejected" and not recipe.webhook.never_refuse
    assert answer.status_code == (400 if refused else 200)
    if pair.reply is not None:
        # What we found that the vendor should know, since its samples are years old, stands beside its reply.
        assert answer.json() == {**answer.json(), **pair.reply}
    elif recipe.webhook.reply is None and not refused:
        assert answer.json()["result"] == pair.becomes
    if pair.becomes == "accepted":
        [event] = await log(settings)
        assert {name: event[name] for name in pair.scan} == dict(pair.scan)
    kept = await pool.fetchval("select count(*) from quarantine")
    assert kept == (pair.becomes in ("quarantined", "rejected"))


async def test_a_couriers_name_and_phone_are_dropped_before_a_payload_is_kept(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    _, token = await add_carrier(pool, Carrier("vtp", "Viettel Post", "viettelpost"))
    for pair in [each for recipe, each in PAIRS if recipe.format == "viettelpost"]:
        await client.post(f"/v1/webhooks/{token}/viettelpost", content=pair.content)
    opened = [each.said for each in await quarantined(settings, pool)]
    assert len(opened) == 4
    assert any(b"TTKT3" in each for each in opened), "the rest is there"
    for everywhere in (*map(bytes.decode, opened), repr(await log(settings))):
        assert "Canary" not in everywhere
        assert "0900000001" not in everywhere


async def test_a_new_carrier_is_two_tables_and_no_code(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    _, token = await add_carrier(pool, Carrier("hoptac", "A cooperative", "hoptac"))
    report = {
        "ma": {"so": "HT-1"},
        "buoc": "giao xong",
        "luc": 1795487400,
        "tinh": "01",
        "nguoi_nhan": "Lan",
    }
    answer = await client.post(f"/v1/webhooks/{token}/hoptac", json=report)
    assert answer.json() == {"ok": "true", "buoc": "giao xong"}
    [event] = await log(settings)
    assert (event["number"], event["status"], event["delivery_mode"]) == ("HT-1", "delivered", "address")
    assert (event["occurred_at"], event["province"]) == (1795487400000, "01")
    assert "/v1/webhooks/{token}/hoptac" in (await inside(client).get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("recipe.toml", "title = ", "recipe.toml: "),
        ("recipe.toml", 'title = "x"\nversion = "1"\nidentity = ["nubmer"]', "no such field: nubmer"),
        (
            "recipe.toml",
            'title = "x"\nversion = "1"\nidentity = ["number"]\n[fields]\nnumber = "n"',
            "code, time",
        ),
        ("recipe.toml", 'title = "x"\nversion = "1"\nidentity = ["number"]', r"wants a section \[fields\]"),
        ("codes.csv", "code,status,reason,mode,provisional\n7,delivred,,,\n", "codes.csv: 7 status"),
    ],
)
def test_a_table_with_a_mistake_is_named_with_its_place(
    more: Path, tmp_path: Path, name: str, text: str, says: str
) -> None:
    folder = tmp_path / "hoptac"
    folder.mkdir()
    for path in (more / "hoptac").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).write_text(text)
    with pytest.raises(BadSettings, match=says):
        all_recipes(tmp_path)


async def take(settings: SharedSettings, pool: Any, path: Path, format_name: str) -> Summary:
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        carrier = Carrier(format_name, RECIPES[format_name].title, format_name)
        return await take_file(intake, carrier, path, lambda _: None)


async def test_a_file_has_the_columns_of_its_carrier_and_may_have_others(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    path = tmp_path / "jt.csv"
    path.write_text(
        "stt;waybill;scanType;scanTime;staffName\n1;862195772225;Signed;2026-11-24 09:30:00;Lan\n"
        "2;862195772226;Vanished;2026-11-24 09:30:00;Lan\n;;;;\n",
        encoding="utf-8-sig",
    )
    summary = await take(settings, pool, path, "jt")
    assert (summary.counts["accepted"], summary.counts["quarantined"]) == (1, 1)
    assert summary.report is not None
    assert (
        summary.report.read_text(encoding="utf-8-sig").splitlines()[0]
        == "rejected_line,rejected_code,rejected_message,stt,waybill,scanType,scanTime,staffName"
    )
    [event] = await log(settings)
    assert (event["number"], event["status"], event["door"]) == ("862195772225", "delivered", "file")


async def test_a_spreadsheet_with_numbers_and_dates_for_cells(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["number", "code", "occurred_at", "attempt", "proof_present"])
    sheet.append([862195772225, "delivered", datetime(2026, 11, 24, 9, 30), 2, True])  # noqa: DTZ001
    sheet.append([])
    sheet.append(["Z82BS", "delivered", "2026-11-24T09:30:00+07:00", None, None])
    path = tmp_path / "scans.xlsx"
    book.save(path)
    summary = await take(settings, pool, path, "buuta")
    assert (summary.counts["accepted"], summary.report) == (2, None)
    events = {event["number"]: event for event in await log(settings)}
    assert events["862195772225"]["occurred_at"] == events["Z82BS"]["occurred_at"] == 1795487400000
    assert (events["862195772225"]["attempt"], events["862195772225"]["proof_present"]) == (2, True)


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x05\x06" + bytes(18)])
async def test_what_is_no_spreadsheet_says_so(
    settings: SharedSettings, pool: Any, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "scans.xlsx"
    path.write_bytes(content)
    with pytest.raises(BadItem, match="no XLSX file"):
        await take(settings, pool, path, "buuta")


async def test_a_file_that_was_cut_short_goes_on_and_its_report_says_each_line_once(
    settings: SharedSettings, pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scans.csv"
    lines = [
        f"N{place:04},{'delivered' if place % 5 else 'oops'},2026-11-24T09:30:00Z" for place in range(30)
    ]
    path.write_text("number,code,occurred_at\n" + "\n".join(lines))
    monkeypatch.setattr("services.ingest.doors.file.BATCH", 7)
    take_in, seen = Intake.take, 0

    async def killed(*args: Any, **more: Any) -> Any:
        nonlocal seen
        seen += 1
        answers = await take_in(*args, **more)
        if seen == 3:
            raise KeyboardInterrupt
        return answers

    monkeypatch.setattr(Intake, "take", killed)
    with pytest.raises(KeyboardInterrupt):
        await take(settings, pool, path, "buuta")
    with path.with_name("scans.csv.rejected.csv").open("a") as report:
        report.write("what a run wrote that was killed before it committed the batch\n")
    summary = await take(settings, pool, path, "buuta")
    assert seen == 3 + 3, "two batches were done"
    assert {name: count for name, count in summary.counts.items() if count} == {
        "accepted": 24,
        "quarantined": 6,
    }
    assert summary.report is not None
    reported = summary.report.read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in reported] == [place + 2 for place in range(0, 30, 5)]
    again = await take(settings, pool, path, "buuta")
    assert (again.taken_in_at is not None, again.counts) == (True, summary.counts)
    assert len({event["event_id"] for event in await log(settings)}) == 24


def test_every_reply_of_a_recipe_is_shown_by_a_pair() -> None:
    for recipe in RECIPES.values():
        if recipe.webhook is not None and recipe.webhook.reply is not None:
            assert any(pair.reply for own, pair in PAIRS if own is recipe), recipe.format


async def test_a_wrong_file_is_withdrawn_by_the_same_file(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    path = tmp_path / "scans.csv"
    path.write_text("number,code,occurred_at\nN1000,delivered,2026-11-24T09:30:00Z\n")
    await take(settings, pool, path, "buuta")
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        summary = await withdraw_file(intake, Carrier("buuta", "B", "buuta"), path, lambda _: None)
    assert summary.counts["accepted"] == 1
    [first, second] = await log(settings)
    assert (second["corrects_event_id"], second["correction_kind"]) == (first["event_id"], "did_not_occur")


async def test_money_is_kept_as_facts_of_its_own_and_is_no_movement(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    _, ghn = await add_carrier(pool, Carrier("ghn", "GHN", "ghn"))
    _, ghtk = await add_carrier(pool, Carrier("ghtk", "GHTK", "ghtk"))
    update = {**GHN, "Type": "Update_cod", "CODAmount": 250_000}
    for report in (update, update, {**GHN, "Type": "update_fee", "TotalFee": 71_400}):
        answer = await client.post(f"/v1/webhooks/{ghn}/ghn", json=report)
        assert answer.json()["result"] == "ignored"
    for status in ("6", "11"):
        form = f"label_id=S1.A1&action_time=2016-11-02T12:18:39+07:00&status_id={status}&pick_money=100000"
        assert (await client.post(f"/v1/webhooks/{ghtk}/ghtk", content=form)).status_code == 200
    rows = await pool.fetch("select carrier, number, kind, amount from facts order by 1, 3")
    assert [tuple(row) for row in rows] == [
        ("ghn", "Z82BS", "cod_amount", 250_000), ("ghn", "Z82BS", "fee", 71_400),
        ("ghtk", "S1.A1", "cod_settled", 100_000), ("ghtk", "S1.A1", "return_settled", 100_000),
    ]  # fmt: skip
    assert await log(settings) == []


async def test_an_amount_that_is_none_is_set_aside_and_the_movement_comes_in(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    _, ghn = await add_carrier(pool, Carrier("ghn", "GHN", "ghn"))
    answer = await client.post(f"/v1/webhooks/{ghn}/ghn", json={**GHN, "CODAmount": "a lot"})
    assert answer.json()["result"] == "accepted"
    assert [row["reason"] for row in await pool.fetch("select reason from quarantine")] == [
        "amount_invalid"
    ]
    assert len(await log(settings)) == 1


REPORT = {"ma": {"so": "HT123456"}, "buoc": "nhan", "luc": 1795439700}
ITEM = {"number": "HT123456", "code": "nhan", "occurred_at": "2026-11-24T09:30:00+07:00"}


@pytest.mark.parametrize("door", ["/v1/webhooks/{token}/hoptac", "/v1/scans", "/v1/scans/withdraw"])
async def test_a_carrier_whose_tables_are_not_loaded_hears_to_send_again(
    settings: SharedSettings, pool: Any, door: str
) -> None:
    key, token = await add_carrier(pool, Carrier("hoptac", "A cooperative", "hoptac"))
    async with served(wire, IngestSettings(**settings.model_dump())) as client:
        headers = {"Authorization": f"Bearer {key}"}
        body = REPORT if "webhooks" in door else [ITEM]
        answer = await client.post(door.format(token=token), json=body, headers=headers)
        wrong = await client.post("/v1/webhooks/bw_wrong/hoptac", json=REPORT)
    assert (answer.status_code, answer.json()["code"]) == (503, "format_away"), answer.text
    assert answer.headers["Retry-After"]
    assert (wrong.status_code, wrong.json()["code"]) == (404, "webhook_unknown")
    assert not [scan for scan in await log(settings) if scan["carrier"] == "hoptac"]


async def test_a_file_of_a_carrier_whose_tables_are_not_loaded_says_what_to_set(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await add_carrier(pool, Carrier("hoptac", "A cooperative", "hoptac"))
    file = tmp_path / "scans.csv"
    file.write_text("number,code,occurred_at\nHT123456,nhan,2026-11-24 09:30\n")
    ran = await buuta(settings, "ingest", "file", str(file), "--carrier", "hoptac")
    assert ran.code == 2
    assert "the tables of the format 'hoptac' are not loaded: BUUTA_INGEST_RECIPES" in ran.said
