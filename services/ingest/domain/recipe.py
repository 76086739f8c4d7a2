"""A recipe: how to read one carrier's format. What can be data is data; a carrier is a folder of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem, FormatAway
from buuta.model.checked import check_field, checked
from buuta.model.identifiers import event_id, normalise_number, one_place, owner_of
from buuta.model.scan import Scan
from buuta.model.statuses import CorrectionKind, DeliveryMode, Direction, Reason
from buuta.model.times import BusinessTime, LocalTime
from buuta.model.zones import Zones, named_unless_vietnam
from services.ingest.domain.codes import CodeRow, Source, folded, spellings_of
from services.ingest.domain.details import Details
from services.ingest.domain.notes import Note
from services.ingest.domain.origins import ANY
from services.ingest.domain.polling import Polling
from services.ingest.domain.times import ISO, Times
from services.ingest.domain.unfolding import Chain, unfold
from services.ingest.domain.webhook import Webhook


class Report(NamedTuple):
    """A carrier's report after parsing and before mapping: raw code, times and places read.

    A time without an offset is settled with the zone of the place (`settled`).
    `place` is the carrier's text for where; it takes part in the event id and goes no further, since couriers
    type into it. `facility` is a code. `details` go to the vault. A `correction` without `corrects` is of what
    the report itself says. `notes` tell what was left out of it.
    """

    number: str
    raw_code: str
    time: BusinessTime | LocalTime
    place: str = ""
    raw_reason: str = ""
    reason: Reason | None = None
    mode: DeliveryMode | None = None
    provisional: bool = False
    facility: str | None = None
    province: str | None = None
    commune: str | None = None
    attempt: int | None = None
    distance_bucket: str | None = None
    proof_present: bool | None = None
    corrects: str | None = None
    correction: CorrectionKind | None = None
    natural_id: str = ""
    details: Details | None = None
    direction: Direction | None = None
    partial_return: bool = False
    linked_number: str | None = None
    notes: Sequence[Note] = ()


def _natural_id(report: Report, _: str) -> str:
    if not report.natural_id:
        raise BadItem("natural_id_missing", "this format knows an event by its own id, which is missing")
    return report.natural_id


IDENTITY: Final[Mapping[str, Callable[[Report, str], str]]] = {
    "number": lambda _, number: number,
    "code": lambda report, _: report.raw_code,
    "time": lambda report, _: str(when(report).ms),
    "place": lambda report, _: one_place(report.place),
    "natural_id": _natural_id,
}
"""The columns that can make an event's identity, of a report and its normalised number; all of them raw: nothing
that was mapped or enriched."""
AS_WRITTEN: Final = {**IDENTITY, "place": lambda report, _: report.place.strip()}
"""The same of what happened before places had one spelling: docs/decisions/0093."""


@dataclass(frozen=True)
class Recipe:
    """One format: its code tables, its parser, its doors, and the columns that make an event's identity.

    `columns` are those that a file of this format must have; without any, files have Buuta's own.
    `personal` are names of fields that are dropped before a payload is kept. `facts` reads what a payload says of
    money (`domain/facts.py`). `polling` is how a carrier of this format is asked, if it can be. `chain` are the
    lists that its fields go through, `joined_by` what stands between codes of several fields. Codes are compared
    without regard to case unless `case_matters`. `sources` says what the sources of the code tables are, `times`
    how times are written.
    """

    format: str
    title: str
    version: str
    codes: Mapping[str, CodeRow]
    parse: Callable[[Mapping[str, Any]], Report | None]
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    identity: Sequence[str] = ("number", "code", "time", "place")
    webhook: Webhook | None = None
    columns: Sequence[Sequence[str]] = ()
    personal: frozenset[str] = frozenset()
    facts: Callable[[Mapping[str, Any], "Receipt"], Sequence[Any]] | None = None
    polling: Polling | None = None
    sources: Mapping[Source, str] = field(default_factory=dict)
    chain: Chain = ()
    joined_by: str | None = None
    case_matters: bool = False
    times: Times = ISO

    def unfold(self, body: Any) -> list[Any]:
        """The payloads of a body, one for each event.

        Raises:
            BadItem: there are too many.
        """
        return unfold(self.chain, body)

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """How the table writes a code, by the code as it is compared (`folded`); none where two would be one."""
        return {} if self.case_matters else spellings_of(self.codes)

    @cached_property
    def reason_spellings(self) -> Mapping[str, str]:
        """The same of reasons."""
        return spellings_of(self.reasons)


PERSONAL: Final = re.compile(r"\d{7}|@", re.UNICODE)
LONGEST_CODE: Final = 40


def recipe_of(recipes: Mapping[str, Recipe], format_name: str) -> Recipe:
    """The recipe of a carrier's format.

    Raises:
        FormatAway: it is not among those that this process has loaded.
    """
    if format_name not in recipes:
        raise FormatAway(
            f"the tables of the format {format_name!r} are not loaded: BUUTA_INGEST_RECIPES names the folder that "
            "has them"
        )
    return recipes[format_name]


def shown_code(raw_code: str) -> str:
    """A raw code as messages and metrics may show it: not what may be a telephone number or an e-mail."""
    if PERSONAL.search(raw_code) or len(raw_code) > LONGEST_CODE:
        return "(not shown)"
    return "".join(each if each.isprintable() else "?" for each in raw_code)


class UnknownCode(BadItem):
    """A code that the carrier's table does not have: kept and counted, never guessed."""

    def __init__(self, raw_code: str, format_name: str) -> None:
        super().__init__(
            "unknown_code",
            f"this code is not in the {format_name} code table; the report is kept until it is mapped",
            "code",
        )
        self.raw_code = raw_code


@dataclass(frozen=True)
class Receipt:
    """Who sent a report, by which door, and when it reached us (UTC milliseconds); `is_post` as in the registry.

    `one_place_from` is since when (UTC milliseconds of what happened) a place spelt otherwise is no other event;
    `zones` are those of the sender's places.
    """

    carrier: str
    door: str
    received_at: int
    is_post: bool = False
    one_place_from: int = 0
    zones: Zones = field(default=Zones(), compare=False)


def settled(report: Report, receipt: Receipt) -> Report:
    """The report with its time in UTC and the zone of its place.

    Raises:
        BadItem: `time_out_of_range`.
    """
    time = receipt.zones.settled(report.time, report.facility)
    return report if time is report.time else report._replace(time=time)


def when(report: Report) -> BusinessTime:
    """The time of a report that was settled."""
    assert isinstance(report.time, BusinessTime)
    return report.time


def to_scan(recipe: Recipe, report: Report, receipt: Receipt) -> Scan | None:
    """Map a report to a scan; None where the code is known to be no movement.

    Raises:
        UnknownCode: the code stands in no table.
        BadItem: a number that cannot be one, or a scan that could not be stored, shown or told of.
    """
    report, number = spelt(recipe, settled(report, receipt)), normalise_number(report.number)
    if report.correction is not None and report.corrects is None:
        report = taken_back(recipe, report, receipt)
    code = report.raw_code if report.raw_code in recipe.codes else code_of_any(recipe, report.raw_code)
    row = recipe.codes.get(code)
    if row is None:
        # It is written down, so it must be writable.
        check_field("raw_code", report.raw_code)
        raise UnknownCode(report.raw_code, recipe.format)
    if row.status is None:
        return None
    owner, reporter = owner_of(receipt.carrier, number, is_post=receipt.is_post)
    time = when(report)
    scan = Scan(
        _own_id(recipe, report, number, receipt), owner, number,
        row.status.value, _text(_reason(recipe, report, row)), _text(report.mode or row.mode),
        report.provisional or row.provisional, report.corrects, _text(report.correction), time.ms,
        time.offset_minutes, time.source.value, receipt.received_at, report.facility,
        report.province, report.commune, report.attempt, report.distance_bucket,
        report.proof_present, code, receipt.door, f"{recipe.format}-{recipe.version}", reporter,
        time.day_only, named_unless_vietnam(time.zone), _text(report.direction or row.direction),
        report.partial_return,
        None if report.linked_number is None else normalise_number(report.linked_number),
    )  # fmt: skip
    return checked(scan)


def taken_back(recipe: Recipe, report: Report, receipt: Receipt) -> Report:
    """The correction that says of a report that it did not occur; the report itself tells its id.

    Of the `receipt` counts who sent it.

    Raises:
        BadItem: as `to_scan`.
    """
    report = spelt(recipe, settled(report, receipt))
    wrong = _own_id(recipe, report, normalise_number(report.number), receipt)
    return report._replace(corrects=wrong, correction=CorrectionKind.DID_NOT_OCCUR)


def spelt(recipe: Recipe, report: Report) -> Report:
    """The report with its code as the table writes it: `DELIVERED` and `delivered` are one event."""
    if report.raw_code in recipe.codes:
        return report
    return report._replace(raw_code=recipe.spellings.get(folded(report.raw_code), report.raw_code))


def code_of_any(recipe: Recipe, said: str) -> str:
    """The code of a table that stands for this one: of `failure/lost` that is `failure/*`, else it itself.

    Only what stands in the table goes on: the last field may be a text that somebody typed.
    """
    by, head = recipe.joined_by, said
    while by:
        code = f"{head}{by}{ANY}"
        code = recipe.spellings.get(folded(code), code)
        if code in recipe.codes:
            return code
        head, there, _ = head.rpartition(by)
        if not there:
            return said
    return said


def _own_id(recipe: Recipe, report: Report, number: str, receipt: Receipt) -> str:
    """The id of the event; a correction that repeats the columns of what it corrects is one of its own.

    What is stored keeps its id: what happened before `one_place_from` was known by its place as it was written.
    """
    columns: Mapping[str, Callable[[Report, str], str]] = IDENTITY
    if when(report).ms < receipt.one_place_from:
        columns = AS_WRITTEN
    identity = [columns[name](report, number) for name in recipe.identity]
    if report.corrects is not None and report.correction is not None:
        identity += [report.correction.value, report.corrects]
    return event_id(receipt.carrier, identity)


def _reason(recipe: Recipe, report: Report, row: CodeRow) -> Reason | None:
    if report.reason is not None:
        return report.reason
    if report.raw_reason:
        raw = report.raw_reason
        if raw not in recipe.reasons:
            raw = recipe.reason_spellings.get(folded(raw), raw)
        return recipe.reasons.get(raw, Reason.UNKNOWN)
    return row.reason


def _text(value: StrEnum | None) -> str | None:
    return None if value is None else value.value
