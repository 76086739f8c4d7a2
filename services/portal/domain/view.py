"""What a parcel's page says: its head, what comes next, and its journey, in words. Pure: rows and a language in.

Page and fold have one order (`buuta/model/ways.py`): the time by which a scan steers, the rank of its status, its
event id; and a status on the way back means the same to both. The head tells place and time of the scan that gave
the state, not of a newer one that changed nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final, NamedTuple

from buuta.model import ways
from buuta.model.statuses import DEADLINE_LETTER, Deadline, Direction, Reason, Status
from buuta.model.times import iso_text
from buuta.model.zones import local, offset_at, offset_name, one_zone, told_among, told_time
from buuta.wording.carriers import KnownCarrier
from buuta.wording.words import Language, next_step, status_word, word
from services.portal.domain.staying import last_day
from services.portal.places import place_name

OVER: Final = frozenset({
    Status.DELIVERED, Status.RETURNED, Status.CANCELLED, Status.DAMAGED, Status.LOST, Status.COMPENSATED,
    Status.EXPIRED,
})  # fmt: skip
"""After these nothing is promised or late any more; nor is it on the way back."""
BAD: Final = ways.GOES_BACK | {
    Status.ATTEMPT_FAILED, Status.HELD, Status.CANCELLED, Status.DAMAGED, Status.LOST, Status.PICKUP_FAILED,
}  # fmt: skip
INVITED: Final = frozenset({Status.ATTEMPT_FAILED, Status.READY_AT_POINT, Status.HELD})
NO_INVITATION: Final = frozenset({
    Reason.ADDRESS_INCOMPLETE_OR_WRONG, Reason.ADDRESSEE_MOVED, Reason.ADDRESSEE_UNKNOWN, Reason.REFUSED,
    Reason.PARTNER_CANCELLED, Reason.NOT_ACCEPTED_GOODS, Reason.OUT_OF_AREA, Reason.CUSTOMS, Reason.SECURITY,
    Reason.DAMAGED, Reason.LOST, Reason.MISSORTED,
})  # fmt: skip
"""Reasons for which a parcel does not wait for anybody who is invited (Postal Law 49/2010/QH12, Art. 17(1))."""
END_OF_DAY: Final = time(23, 59)


class Place(NamedTuple):
    """Who reported a facility, and its code."""

    carrier: str
    facility: str


class Point(NamedTuple):
    """A place where a parcel waits: its name, its hours, and the last day on which it is kept."""

    name: str
    hours: str | None
    last_day: str | None


class Line(NamedTuple):
    """A scan on the page; its label says what it means on the way that the parcel was on."""

    label: str
    reason: str | None
    when: str
    moment: str
    place: str
    provisional: bool
    current: bool


@dataclass(frozen=True)
class Page:
    """All that a parcel's page says, in words; None is not said."""

    carrier: KnownCarrier
    heading: str
    help: str | None
    tone: str
    reason: str | None
    when: str | None
    moment: str | None
    place: str
    reported: str | None
    attempts: int
    invitations: str | None
    point: Point | None
    late: str | None
    promise: str | None
    partial: str | None
    linked: tuple[str, str] | None
    zone: str | None
    lines: Sequence[Line]


class Known(NamedTuple):
    """What is known of a parcel: its row, its timeline, newest first, its carrier, and facilities by place."""

    parcel: Mapping[str, Any]
    timeline: Sequence[ways.Line]
    carrier: KnownCarrier
    code: str
    facilities: Mapping[Place, Mapping[str, Any]]


def state_line(parcel: Mapping[str, Any], timeline: Sequence[ways.Line]) -> ways.Line | None:
    """Of a timeline, newest first, the line that gave the state; None before the first that is confirmed."""
    if parcel["status"] is None:
        return None
    newest = next((line for line in timeline if not line.row["provisional"]), None)
    return ways.implied_by(timeline, parcel["status"], parcel["last_at"]) or newest


def page_of(known: Known, language: Language) -> Page:
    """A parcel's page in a language."""
    return _Teller(known, language).page()


class _Teller:
    """One page, made."""

    def __init__(self, known: Known, language: Language) -> None:
        self._known = known
        self._parcel = known.parcel
        self._timeline = known.timeline
        self._current = state_line(known.parcel, known.timeline)
        self._language = language
        self._zone = one_zone(line.row["zone"] for line in known.timeline)
        self._status: str | None = known.parcel["status"]

    def page(self) -> Page:
        """The page."""
        parcel, current = self._parcel, self._current
        heading, help_ = self._heading()
        return Page(
            carrier=self._known.carrier,
            heading=heading,
            help=help_,
            tone=self._tone(),
            reason=None if parcel["reason"] is None else self._word("reason", parcel["reason"]),
            when=None if current is None else self._when(current),
            moment=None if current is None else _moment(current),
            place="" if current is None else self._place(current.row),
            reported=self._reported(),
            attempts=parcel["attempts"],
            invitations=self._invitations(),
            point=self._point(),
            late=self._late(),
            promise=self._promise(),
            partial=self._page_word("partial_return") if parcel["partial_return"] else None,
            linked=self._linked(),
            zone=self._zone_note(),
            lines=[self._line(line) for line in self._timeline],
        )

    def _word(self, table: str, key: str) -> str:
        return word(table, key, self._language)

    def _page_word(self, key: str) -> str:
        return self._word("page", key)

    def _heading(self) -> tuple[str, str | None]:
        """What is said first, and what follows from it."""
        parcel = self._parcel
        reported = self._page_word("reported_help") if parcel["reported_status"] is not None else None
        if self._status is not None:
            said = self._label(self._status, parcel)
            return said, reported or next_step(self._status, parcel["reason"], self._language)
        if reported is not None:
            return self._page_word("unconfirmed"), reported
        if parcel["scans"]:
            return self._page_word("unconfirmed"), self._page_word("unconfirmed_help")
        return self._page_word("waiting" if parcel["registration_id"] else "nothing"), None

    def _label(self, status: str, of: Mapping[str, Any]) -> str:
        """A status as people read it; a delivery with how it was handed over."""
        said, mode = status_word(status, of["reason"], self._language), of["delivery_mode"]
        how = self._word("mode", mode) if status == Status.DELIVERED and mode else ""
        return f"{said} {how}".strip()

    def _tone(self) -> str:
        if self._status == Status.DELIVERED and self._parcel["direction"] != Direction.RETURN:
            return "good"
        return "bad" if self._status in BAD else ""

    def _reported(self) -> str | None:
        status = self._parcel["reported_status"]
        return None if status is None else self._word("status", status)

    def _invitations(self) -> str | None:
        """How often the recipient must still be invited before the parcel counts as undeliverable (Art. 17(1))."""
        parcel = self._parcel
        if self._status not in INVITED or parcel["reason"] in NO_INVITATION or parcel["invited_at"] is None:
            return None
        return self._page_word("invited_twice" if parcel["invited_twice"] else "invited_once")

    def _point(self) -> Point | None:
        current = self._current
        if current is None or self._status != Status.READY_AT_POINT:
            return None
        row = self._facility(current.row)
        if row is None:
            return None
        days = row["holds_days"]
        until = None if days is None else last_day(current, self._timeline, days)
        return Point(row["name"], row["opening_hours"], until)

    def _late(self) -> str | None:
        if self._status is None or self._status in OVER:
            return None
        passed = self._parcel["overdue"]
        if DEADLINE_LETTER[Deadline.DELAYED] in passed and self._status not in ways.GOES_BACK:
            return self._page_word("delayed")
        waits = DEADLINE_LETTER[Deadline.STUCK], DEADLINE_LETTER[Deadline.STALE]
        return self._page_word("stuck") if any(letter in passed for letter in waits) else None

    def _promise(self) -> str | None:
        """By when, as a day or as a clock on a day; nothing once it is over or goes back."""
        at = self._parcel["promised_at"]
        if at is None or self._status in OVER or self._status in ways.GOES_BACK:
            return None
        if self._parcel["direction"] == Direction.RETURN:
            return None
        # A promise is made for the address, which lies in Vietnam.
        due = local(at)
        if due.time() == time():
            due -= timedelta(minutes=1)
        if due.time() >= END_OF_DAY:
            return self._page_word("promised_day").format(day=f"{due:%d/%m/%Y}")
        day, _, clock = told_time(at, self._zone).partition(" ")
        return self._page_word("promised_by").format(time=clock, day=day)

    def _linked(self) -> tuple[str, str] | None:
        number = self._parcel["linked_number"]
        if number is None:
            return None
        return self._page_word("linked" if self._parcel["partial_return"] else "linked_whole"), number

    def _zone_note(self) -> str | None:
        """Which zone the page's clocks are in, where that is not Vietnam's."""
        zone = self._zone
        if zone is None:
            return None
        minutes = offset_at(self._timeline[0].at, zone)
        city = zone.rpartition("/")[2].replace("_", " ")
        return self._page_word("zone").format(zone=f"{city} ({offset_name(minutes)})")

    def _line(self, line: ways.Line) -> Line:
        scan = line.row
        return Line(
            label=self._label(line.status, scan),
            reason=None if scan["reason"] is None else self._word("reason", scan["reason"]),
            when=self._when(line),
            moment=_moment(line),
            place=self._place(scan),
            provisional=scan["provisional"],
            current=line is self._current,
        )

    def _when(self, line: ways.Line) -> str:
        return told_among(line.at, line.row["zone"], self._zone, day_only=line.row["day_only"])

    def _place(self, scan: Mapping[str, Any]) -> str:
        row = self._facility(scan)
        parts = [None if row is None else row["name"], place_name(scan["commune"], scan["province"])]
        return ", ".join(part for part in parts if part)

    def _facility(self, scan: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self._known.facilities.get(place_of(scan, self._known.code))


def place_of(scan: Mapping[str, Any], carrier: str) -> Place:
    """Where the directory has a scan's facility: at who reported it."""
    return Place(scan["reporter"] or carrier, scan["facility"] or "")


def _moment(line: ways.Line) -> str:
    """A line's time for machines, as HTML's `time` has it."""
    if line.row["day_only"]:
        return f"{local(line.at, line.row['zone']):%Y-%m-%d}"
    return iso_text(line.at, line.row["offset_minutes"])
