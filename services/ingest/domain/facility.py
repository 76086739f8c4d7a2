"""A facility as a carrier registers it: a service point, a hub or a locker, with its unit since 1 July 2025."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from buuta.errors import BadItem
from buuta.faults import said_of
from buuta.model.bounded import Bounded
from buuta.model.shapes import UNITS, WANTED, is_facility
from buuta.model.shown import shown_place
from buuta.model.zones import named_unless_vietnam
from services.ingest.domain.entry import zone

Empty = BeforeValidator(lambda raw: None if raw == "" else raw)
Unit = Annotated[str, Field(pattern=f"^{UNITS['province'].pattern}$")]
MOST_DAYS: Final = 180
"""So long a point may keep a parcel: then it is unclaimed (Circular 18/2015/TTLT-BTTTT-BTC, Art. 3: 6 months)."""
Degrees = Annotated[float | None, Empty]


class FacilityKind(StrEnum):
    """What is done there."""

    SERVICE_POINT = "service_point"
    HUB = "hub"
    LOCKER = "locker"


def _code(raw: str) -> str:
    if not is_facility(raw):
        raise ValueError(f"must be {WANTED['facility']}")
    return raw


class Facility(Bounded):
    """A line of the registry; without a province that of the commune is taken, and without a commune what became
    of `old_commune`, its code before 1 July 2025. `time_zone` is that of its clocks where it is not its carrier's;
    a facility abroad has no commune. `holds_days` is for how many days after a parcel has come the point keeps it
    for its recipient."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    code: Annotated[str, AfterValidator(_code)]
    kind: FacilityKind = FacilityKind.SERVICE_POINT
    name: Annotated[str, Field(min_length=1, max_length=200)]
    commune: Annotated[Unit | None, Empty] = None
    old_commune: Annotated[Unit | None, Empty] = None
    province: Annotated[Unit | None, Empty] = None
    latitude: Annotated[Degrees, Field(ge=-90, le=90)] = None
    longitude: Annotated[Degrees, Field(ge=-180, le=180)] = None
    connected: bool = True
    opening_hours: Annotated[str | None, Empty, Field(max_length=200)] = None
    time_zone: Annotated[str | None, Empty, AfterValidator(zone)] = None
    holds_days: Annotated[int | None, Empty, Field(ge=1, le=MOST_DAYS)] = None

    @property
    def is_abroad(self) -> bool:
        """Whether it lies in another time zone, where there are no communes."""
        return self.time_zone is not None and named_unless_vietnam(self.time_zone) is not None


COLUMNS = tuple(Facility.model_fields)


def read_facility(
    line: Mapping[str, Any], provinces: Mapping[str, str], since_2025: Callable[[str], str]
) -> Facility:
    """Check a line; `provinces` has the province of every commune, `since_2025` what an old one became.

    Raises:
        BadItem: names the column and says what to fix.
    """
    given = {name: value for name, value in line.items() if value != "" or name in ("code", "name")}
    try:
        read = Facility.model_validate(given)
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        column = shown_place(first["loc"])
        raise BadItem("facility_invalid", f"{column}: {said_of(first)}", column) from None
    if read.is_abroad and not (read.commune or read.old_commune or read.province):
        return read
    commune = read.commune or since_2025(_old(read))
    province = provinces.get(commune)
    if province is None:
        raise BadItem("commune_unknown", "no commune has this code since 1 July 2025", "commune")
    if read.province not in (None, province):
        raise BadItem("province_wrong", f"the commune lies in province {province}", "province")
    return read.model_copy(update={"commune": commune, "province": province})


def _old(read: Facility) -> str:
    if read.old_commune is None:
        raise BadItem("commune_missing", "commune is missing, or old_commune", "commune")
    return read.old_commune
