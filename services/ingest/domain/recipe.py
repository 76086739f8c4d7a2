"""A recipe: how to read one carrier's format. The code table is data; a carrier is a module of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from buuta.errors import BadItem
from buuta.model.identifiers import event_id, normalise_number
from buuta.model.scan import Scan
from buuta.model.statuses import CorrectionKind, DeliveryMode, Reason, Status
from buuta.model.times import BusinessTime


@dataclass(frozen=True)
class CodeRow:
    """What one of a carrier's codes means; `status=None` is known and is no movement."""

    status: Status | None
    reason: Reason | None = None
    provisional: bool = False
    mode: DeliveryMode | None = None


NO_MOVEMENT = CodeRow(None)


@dataclass(frozen=True)
class Report:
    """A carrier's report after parsing and before mapping: raw code, times and places read.

    `place` is the carrier's text for where; it takes part in the event id and goes no further,
    since couriers type into it. `facility` is a code.
    """

    number: str
    raw_code: str
    time: BusinessTime
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


@dataclass(frozen=True)
class Recipe:
    """One format: its code tables, its parser, and the columns that make an event's identity."""

    format: str
    version: str
    codes: Mapping[str, CodeRow]
    parse: Callable[[Mapping[str, Any]], Report | None]
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    identity: Callable[[Report], tuple[str, ...]] = lambda report: (
        normalise_number(report.number), report.raw_code, str(report.time.ms), report.place.strip(),
    )  # fmt: skip


class UnknownCode(BadItem):
    """A code that the carrier's table does not have: kept and counted, never guessed."""

    def __init__(self, raw_code: str, format_name: str) -> None:
        super().__init__(
            "unknown_code",
            f"code {raw_code[:40]!r} is not in the {format_name} code table; it is kept until mapped",
            "code",
        )
        self.raw_code = raw_code


@dataclass(frozen=True)
class Receipt:
    """Who sent a report, by which door, and when it reached us (UTC milliseconds)."""

    carrier: str
    door: str
    received_at: int


def to_scan(recipe: Recipe, report: Report, receipt: Receipt) -> Scan | None:
    """Map a report to a scan; None where the code is known to be no movement.

    Raises:
        UnknownCode: the code stands in no table.
        BadItem: a number that cannot be one.
    """
    number = normalise_number(report.number)
    row = recipe.codes.get(report.raw_code)
    if row is None:
        raise UnknownCode(report.raw_code, recipe.format)
    if row.status is None:
        return None
    return Scan(
        event_id(receipt.carrier, _identity(recipe, report)), receipt.carrier, number,
        row.status.value, _text(_reason(recipe, report, row)), _text(report.mode or row.mode),
        report.provisional or row.provisional, report.corrects, _text(report.correction), report.time.ms,
        report.time.offset_minutes, report.time.source.value, receipt.received_at, report.facility,
        report.province, report.commune, report.attempt, report.distance_bucket,
        report.proof_present, report.raw_code, receipt.door, f"{recipe.format}-{recipe.version}",
    )  # fmt: skip


def _identity(recipe: Recipe, report: Report) -> tuple[str, ...]:
    """A correction that repeats the columns of what it corrects is an event of its own."""
    identity = recipe.identity(report)
    if report.corrects is None or report.correction is None:
        return identity
    return (*identity, report.correction.value, report.corrects)


def _reason(recipe: Recipe, report: Report, row: CodeRow) -> Reason | None:
    if report.reason is not None:
        return report.reason
    if report.raw_reason:
        return recipe.reasons.get(report.raw_reason, Reason.UNKNOWN)
    return row.reason


def _text(value: StrEnum | None) -> str | None:
    return None if value is None else value.value
