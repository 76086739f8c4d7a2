"""Scans for tests: sensible defaults, and a Hypothesis strategy for whole journeys."""

import re
from typing import Any

from hypothesis import strategies as st

from buuta.model.identifiers import event_id
from buuta.model.scan import Registration, Scan
from buuta.model.statuses import Status
from services.tracker.domain.deadlines import Passed
from services.tracker.domain.epochs import Papers
from services.tracker.domain.parcel import Declared

MORNING = 1_795_480_000_000
HOUR = 3_600_000
EVENING = MORNING + 9 * HOUR


def scan(status: str, hour: float = 0, number: str = "Z82BS", **more: Any) -> Scan:
    """A scan of carrier ghn, `hour` hours after the morning."""
    occurred = MORNING + int(hour * HOUR)
    fields: dict[str, Any] = {
        "event_id": event_id("ghn", (number, status, str(occurred), "")), "carrier": "ghn",
        "number": number, "status": status, "reason": None, "delivery_mode": None,
        "provisional": False, "corrects_event_id": None, "correction_kind": None,
        "occurred_at": occurred, "offset_minutes": 420, "offset_source": "carrier",
        "received_at": occurred + 60_000, "facility": None, "province": None, "commune": None,
        "attempt": None, "distance_bucket": None, "proof_present": None, "raw_code": status,
        "door": "api", "mapping_version": "ghn-1",
    }  # fmt: skip
    return Scan(**fields | more)


def letters(live: str) -> str:
    """A live set without what tells the milestones of one kind apart."""
    return re.sub("[0-9@,]", "", live)


def registration(number: str = "Z82BS", **more: Any) -> Registration:
    """A registration of carrier ghn's parcel."""
    fields: dict[str, Any] = {
        "registration_id": "6f1f9a0e-0000-4000-8000-000000000001", "version": 1, "carrier": "ghn",
        "number": number, "shipper": "shop", "province": "01", "commune": "00070",
        "promised_at": None, "language": "vi", "channels": ["sms"], "withdrawn": False,
        "registered_at": MORNING,
    }  # fmt: skip
    return Registration(**fields | more)


def declared(**more: Any) -> Declared:
    """What the fold looks at in a registration."""
    made = registration(**more)
    return Declared(*(getattr(made, name) for name in Declared._fields))


def papers(*passed: Passed, **more: Any) -> Papers:
    """Deadlines that passed, and one registration."""
    return Papers(frozenset(passed), frozenset({declared(**more)}))


def journeys(most: int = 12) -> st.SearchStrategy[list[Scan]]:
    """Scans of one parcel: any statuses, ties in time, copies, provisional ones."""
    return st.lists(
        st.builds(
            scan,
            st.sampled_from([str(status) for status in Status]),
            st.integers(0, 60).map(lambda half: half / 2),
            reason=st.sampled_from([None, "no_contact", "refused", "reschedule_requested"]),
            delivery_mode=st.sampled_from([None, "address", "point", "locker"]),
            provisional=st.sampled_from([False, False, False, True]),
            received_at=st.sampled_from(
                [EVENING, EVENING, EVENING + 1, EVENING + 2, MORNING, EVENING + 366 * 24 * HOUR]
            ),
            attempt=st.sampled_from([None, None, 1, 2]),
            distance_bucket=st.sampled_from([None, None, "within_50_m", "beyond_1_km"]),
            proof_present=st.sampled_from([None, True]),
            province=st.sampled_from([None, "01", "01", "24", "79"]),
            reporter=st.sampled_from([None, None, None, "laopost", "vnpost"]),
            facility=st.sampled_from([None, "BC1", "bc1", "BC2"]),
            day_only=st.sampled_from([False, False, False, True]),
            zone=st.sampled_from([None, None, "Asia/Tokyo", "America/New_York"]),
            direction=st.sampled_from([None, None, None, "return", "outward"]),
            partial_return=st.sampled_from([False, False, False, True]),
            linked_number=st.sampled_from([None, None, "Z82BS-PR"]),
        ),
        max_size=most,
    )


def later(scan: Scan, days: int) -> Scan:
    """The same scan some days later: another event."""

    def own(event: str) -> str:
        return event_id("ghn", (event, str(days)))

    shift = days * 24 * HOUR
    return scan._replace(
        event_id=own(scan.event_id),
        corrects_event_id=scan.corrects_event_id and own(scan.corrects_event_id),
        occurred_at=scan.occurred_at + shift, received_at=scan.received_at + shift,
    )  # fmt: skip


@st.composite
def reused_journeys(draw: st.DrawFn, most: int = 6) -> list[Scan]:
    """Corrected journeys of one number, over years: each begins some days after the one before."""
    scans, day = list[Scan](), 0
    for _ in range(draw(st.integers(1, 3))):
        scans += [later(each, day) for each in draw(corrected_journeys(most))]
        day += draw(st.sampled_from([1, 179, 180, 181, 400]))
    return scans


@st.composite
def corrected_journeys(draw: st.DrawFn, most: int = 10) -> list[Scan]:
    """Journeys some of whose scans correct others of them, before or after they come, or one that never comes."""
    made = draw(journeys(most))
    ids = ["0" * 32, *(each.event_id for each in made)]
    for place, each in enumerate(made):
        kind = draw(st.sampled_from([None, None, "did_not_occur", "incorrect_data"]))
        if kind is not None:
            wrong = draw(st.sampled_from(ids))
            own = event_id("ghn", (each.event_id, kind, wrong))
            made[place] = each._replace(event_id=own, corrects_event_id=wrong, correction_kind=kind)
            ids.append(own)
    return made


@st.composite
def repeated(draw: st.DrawFn) -> list[Scan]:
    """A number's journeys, some of whose reports come again under their ids and say something else, or the same."""
    scans = draw(reused_journeys())
    for each in draw(st.lists(st.sampled_from(scans), max_size=4)) if scans else ():
        changed: dict[str, Any] = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "occurred_at": st.integers(-3, 400 * 24).map(lambda hours: MORNING + hours * HOUR),
                    "status": st.sampled_from([str(status) for status in Status]),
                    "facility": st.sampled_from([None, "BC1"]),
                    "received_at": st.integers(-2, 2).map(lambda hours: EVENING + hours * HOUR),
                    "corrects_event_id": st.sampled_from([None, scans[0].event_id]),
                },
            )
        )
        scans.append(each._replace(**changed))
    return scans
