"""Telling: from the difference of two live sets to numbered milestone records."""

from collections.abc import Iterable, Sequence

from buuta.model.identifiers import parcel_key
from buuta.model.milestone import Action, Milestone, ParcelMilestone
from services.tracker.domain.fold import identified, latest
from services.tracker.domain.parcel import Parcel

Change = tuple[Action, Milestone]


def difference(before: Iterable[Milestone], after: Iterable[Milestone]) -> list[Change]:
    """What joined, changed or left the live set; retractions first, then in business order.

    A milestone that is now of another epoch, since a late scan joined or parted two, has moved.
    """
    was, now = identified(before), identified(after)
    gone = [milestone for key, milestone in was.items() if key not in now]
    known = {(milestone.kind, milestone.event_id) for milestone in gone}
    changes = [(Action.RETRACTED, milestone) for milestone in gone]
    for key, milestone in now.items():
        if key not in was:
            moved = (milestone.kind, milestone.event_id) in known
            changes.append((Action.MOVED if moved else Action.JOINED, milestone))
        elif was[key] != milestone:
            changes.append((Action.AMENDED, milestone))
    return changes


def told_ids(parcel: Parcel) -> list[str]:
    """The registrations whose recipients hear what becomes of a parcel."""
    first = parcel.registration_id
    return [] if first is None else [first, *parcel.also_registered.split()]


def numbered(
    carrier: str, number: str, parcel: Parcel, changes: Iterable[Change], only: str | None = None
) -> list[ParcelMilestone]:
    """Number the changes by the parcel's counter, which moves on; told are all who are registered, or `only` one.

    Of a past parcel nobody is told: whoever is registered now waits for another one.
    """
    records = []
    told = told_ids(parcel) if only is None else [only]
    key = parcel_key(carrier, number)
    for action, milestone in changes:
        parcel.sequence += 1
        is_present = milestone.epoch == parcel.epoch
        to = told if is_present else []
        records.append(
            ParcelMilestone(
                milestone_id=f"{key}#{parcel.sequence}",
                carrier=carrier,
                number=number,
                sequence=parcel.sequence,
                action=action.value,
                registration_id=to[0] if to else None,
                promised_at=parcel.promised_at if is_present else None,
                also_registered=to[1:],
                **milestone._asdict(),
            )
        )
    return records


def retold(live: Sequence[Milestone]) -> list[Change]:
    """What somebody who has just registered must hear: the newest milestone, once."""
    newest = latest(live)
    return [] if newest is None else [(Action.RETOLD, newest)]
