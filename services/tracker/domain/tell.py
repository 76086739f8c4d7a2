"""Telling: from the difference of two live sets to numbered milestone records."""

from collections.abc import Iterable, Sequence

from buuta.model.identifiers import parcel_key
from buuta.model.milestone import Action, Milestone, ParcelMilestone
from services.tracker.domain.fold import identified, latest
from services.tracker.domain.parcel import Parcel

Change = tuple[Action, Milestone]


def difference(before: Iterable[Milestone], after: Iterable[Milestone]) -> list[Change]:
    """What joined, changed or left the live set; retractions first, then in business order."""
    was, now = identified(before), identified(after)
    gone = [(Action.RETRACTED, milestone) for key, milestone in was.items() if key not in now]
    changed = [
        (Action.JOINED if key not in was else Action.AMENDED, milestone)
        for key, milestone in now.items()
        if was.get(key) != milestone
    ]
    return [*gone, *changed]


def numbered(carrier: str, number: str, parcel: Parcel, changes: Iterable[Change]) -> list[ParcelMilestone]:
    """Number the changes by the parcel's counter, which moves on."""
    records = []
    key = parcel_key(carrier, number)
    for action, milestone in changes:
        parcel.sequence += 1
        records.append(
            ParcelMilestone(
                f"{key}#{parcel.sequence}",
                carrier,
                number,
                parcel.sequence,
                action.value,
                *milestone,
                parcel.registration_id,
                parcel.promised_at,
            )
        )
    return records


def retold(live: Sequence[Milestone]) -> list[Change]:
    """What somebody who has just registered must hear: the newest milestone, once."""
    newest = latest(live)
    return [] if newest is None else [(Action.RETOLD, newest)]
