"""A day of Vietnam's post, made up: parcels, their journeys, and each carrier's way to report them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

VIETNAM: Final = timezone(timedelta(hours=7))
PLACES: Final = (
    ("01", "00070"), ("01", "00008"), ("79", "26506"), ("79", "26542"), ("48", "20242"),
    ("31", "11560"), ("92", "31135"), ("46", "19900"), ("22", "07090"), ("75", "26068"),
)  # fmt: skip

GHN: Final = {
    "info_received": "ready_to_pick", "accepted": "picked", "in_transit": "transporting",
    "out_for_delivery": "delivering", "attempt_failed": "delivery_fail", "delivered": "delivered",
    "returning": "return_transporting", "returned": "returned",
}  # fmt: skip
GHTK: Final = {
    "info_received": "2", "accepted": "3", "out_for_delivery": "4", "attempt_failed": "9",
    "delivered": "5", "returning": "20", "returned": "21",
}  # fmt: skip
GHTK_PROVISIONAL: Final = {"accepted": "123", "attempt_failed": "49", "delivered": "45"}

JOURNEYS: Final[tuple[tuple[int, tuple[str, ...]], ...]] = (
    (60, ("info_received", "accepted", "in_transit", "out_for_delivery", "delivered")),
    (20, ("info_received", "accepted", "in_transit", "out_for_delivery", "attempt_failed",
          "out_for_delivery", "delivered")),
    (10, ("accepted", "in_transit", "in_transit", "ready_at_point", "delivered")),
    (10, ("info_received", "accepted", "in_transit", "out_for_delivery", "attempt_failed",
          "out_for_delivery", "attempt_failed", "returning", "returned")),
)  # fmt: skip

CARRIERS: Final = {"vnp": 2, "ghn": 1, "ghtk": 1}
"""Of four parcels so many go by each. As the real ones, GHN and GHTK say of none how it was handed over."""


@dataclass
class Parcel:
    """A made-up parcel; `journey` is the truth, in the order in which it happens.

    Of one that was `forgotten` each message may have been before, or not at all.
    """

    carrier: str
    number: str
    journey: tuple[str, ...]
    province: str
    commune: str
    started: datetime
    phone: str | None = None
    email: str | None = None
    late_registration: bool = False
    forgotten: bool = False
    reported: list[str] = field(default_factory=list)

    def moment(self, place: int) -> datetime:
        """When the step at a place of the journey happens."""
        return self.started + timedelta(minutes=47 * place, seconds=(17 * place + 5) % 60)

    @property
    def registered(self) -> bool:
        """Whether somebody wants to be told."""
        return self.phone is not None or self.email is not None


@dataclass(frozen=True)
class Post:
    """One HTTP request of a carrier: its body, and what it says, for the reconciliation.

    With `corrects` it says that another report, which came before it, did not occur.
    """

    carrier: str
    body: Any
    parcel: Parcel | None = None
    status: str | None = None
    corrects: "Post | None" = None


EARLIEST_HOURS, LATEST_HOURS = 9, 7
"""So long ago journeys begin: the last step of the longest is past, and the first "out for delivery" still news."""


class Day:
    """Makes parcels and reports; one seed, one day."""

    def __init__(self, seed: int, now: datetime | None = None) -> None:
        self._random = random.Random(seed)
        self._count = 0
        self._first = (now or datetime.now(UTC)).astimezone(VIETNAM) - timedelta(hours=EARLIEST_HOURS)

    def parcel(self) -> Parcel:
        """A new parcel of some carrier; a third of them is registered, a few of those late."""
        chance, self._count = self._random, self._count + 1
        carrier = chance.choices(tuple(CARRIERS), tuple(CARRIERS.values()))[0]
        weights = [weight for weight, _ in JOURNEYS]
        [(_, journey)] = chance.choices(JOURNEYS, weights)
        if carrier == "ghtk":
            journey = tuple(step for step in journey if step in GHTK)
        elif carrier == "ghn":
            journey = tuple(step for step in journey if step in GHN)
        province, commune = chance.choice(PLACES)
        started = self._first + timedelta(minutes=chance.randrange((EARLIEST_HOURS - LATEST_HOURS) * 60))
        made = Parcel(carrier, self._number(carrier), journey, province, commune, started)
        if chance.random() < 0.35:
            self._register(made)
        return made

    def _register(self, parcel: Parcel) -> None:
        chance = self._random
        if chance.random() < 0.8:
            parcel.phone = f"+849{self._count:08}"
        if parcel.phone is None or chance.random() < 0.3:
            parcel.email = f"nguoinhan{self._count}@example.vn"
        parcel.late_registration = chance.random() < 0.1

    def _number(self, carrier: str) -> str:
        count = self._count
        return {
            "ghn": f"G{count:06}X", "ghtk": f"S{count % 9 + 1}.A{count % 7}.{count:08}",
            "vnp": f"EJ{count:09}VN",
        }[carrier]  # fmt: skip

    def reports(self, parcel: Parcel) -> list[Post]:
        """All reports of a parcel in the order of sending: some late, some twice, some provisional."""
        chance = self._random
        posts: list[Post] = []
        held: list[Post] = []
        for place, status in enumerate(parcel.journey):
            moment = parcel.moment(place)
            if parcel.carrier == "ghtk" and status in GHTK_PROVISIONAL and chance.random() < 0.3:
                early = self._ghtk(parcel, GHTK_PROVISIONAL[status], moment - timedelta(minutes=5))
                posts.append(Post("ghtk", early, parcel))
            post = Post(parcel.carrier, self._body(parcel, status, moment), parcel, status)
            late = chance.random() < 0.05 and place + 1 < len(parcel.journey)
            (held if late else posts).append(post)
            if chance.random() < 0.05:
                posts.append(post)
            if parcel.carrier == "vnp" and status == "out_for_delivery" and chance.random() < 0.1:
                posts += self._mistake(parcel, moment)
        return [*posts, *held]

    def _mistake(self, parcel: Parcel, moment: datetime) -> list[Post]:
        """A scan of another parcel under this number, and its correction."""
        wrong = Post("vnp", self._vnp(parcel, "in_transit", moment + timedelta(minutes=7)))
        return [
            wrong,
            Post("vnp", self._vnp(parcel, "in_transit", moment + timedelta(minutes=7)), corrects=wrong),
        ]

    def _handover(self, parcel: Parcel) -> Mapping[str, Any]:
        """How a postman says that he handed a parcel over: in words, by a photograph, or not at all."""
        if "ready_at_point" in parcel.journey:
            return {"delivery_mode": "point"}
        said: tuple[Mapping[str, Any], ...] = ({"delivery_mode": "address"}, {"proof_present": True}, {})
        return self._random.choices(said, (14, 4, 2))[0]

    def nonsense(self) -> Post:
        """A report that must not pass: an unknown code, or one that breaks a rule."""
        now, number = self._first.isoformat(), f"X{self._random.randrange(10**6):06}"
        return self._random.choice(
            (
                Post(
                    "ghn",
                    {"OrderCode": number, "Status": "teleported", "Type": "switch_status", "Time": now},
                ),
                Post("ghtk", {"label_id": number, "status_id": "777", "action_time": now}),
                Post("vnp", {"number": number, "code": "accepted", "occurred_at": "hôm qua"}),
                Post("vnp", {"code": "accepted", "occurred_at": now}),
                Post(
                    "ghn",
                    {"OrderCode": number, "Status": "delivered", "Type": "Update_weight", "Time": now},
                ),
            )
        )

    def _body(self, parcel: Parcel, status: str, moment: datetime) -> Mapping[str, Any]:
        if parcel.carrier == "ghn":
            return self._ghn(parcel, status, moment)
        if parcel.carrier == "ghtk":
            return self._ghtk(parcel, GHTK[status], moment)
        return self._vnp(parcel, status, moment)

    def _ghn(self, parcel: Parcel, status: str, moment: datetime) -> Mapping[str, Any]:
        text = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"OrderCode": parcel.number, "Status": GHN[status], "Time": text, "CODAmount": 0,
                "Type": "create" if status == "info_received" else "switch_status",
                "Warehouse": "Bưu Cục 229 Quan Nhân-Q.Thanh Xuân-HN", "Fee": {"StationDO": 0}}  # fmt: skip

    def _ghtk(self, parcel: Parcel, code: str, moment: datetime) -> Mapping[str, Any]:
        return {"partner_id": "1234567", "label_id": parcel.number, "status_id": code,
                "action_time": moment.isoformat(timespec="seconds"),
                "reason_code": "122" if code in ("9", "49") else "", "weight": "2.4", "fee": "1500"}  # fmt: skip

    def _vnp(self, parcel: Parcel, status: str, moment: datetime) -> Mapping[str, Any]:
        item = {"number": parcel.number, "code": status, "province": parcel.province,
                "commune": parcel.commune, "occurred_at": moment.isoformat(timespec="seconds")}  # fmt: skip
        if status == "delivered":
            item |= self._handover(parcel)
        if status == "attempt_failed":
            item["reason"] = "addressee_absent"
        return item
