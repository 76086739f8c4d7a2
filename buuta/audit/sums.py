"""The sums that figures are read from, compared with the cells that they are sums of."""

from typing import Any, Final

from services.tracker.storage import COUNTS

MONTH: Final = "date_trunc('month', day)::date"
COMPARE: Final = """
select coalesce(carrier, '*'), coalesce(service, '*'), coalesce(province, '*'), '*', day,
  count_of || '_in_{sums}', coalesce(c.parcels, 0) as in_cells, coalesce(s.parcels, 0) as in_sums
from (
  select {day} as day, carrier, {service}, {province}, count_of, sum(parcels)::bigint as parcels
  from public.{cells}, {long} group by 1, 2, 3, 4, 5 having sum(parcels) <> 0
) as c full join (
  select day, carrier, {service}, {province}, count_of, sum(parcels)::bigint as parcels
  from public.{sums}, {long} group by 1, 2, 3, 4, 5 having sum(parcels) <> 0
) as s using (day, carrier, service, province, count_of)
where c.parcels is distinct from s.parcels
"""
PLACES: Final = {"service": "service", "province": "province"}
NOWHERE: Final = {"service": "'*' as service", "province": "'*' as province"}
RATES: Final = (
    f"lateral unnest(array{list(COUNTS)}, array[{', '.join(COUNTS)}]) as long (count_of, parcels)"
)
ACCEPTED: Final = "lateral (values ('accepted', accepted)) as long (count_of, parcels)"
TRANSIT: Final = "lateral (values ('transit_hours_' || hours)) as long (count_of)"
SUMS: Final = (
    {"cells": "rate_cells", "sums": "rate_days", "day": "day", "long": RATES, **PLACES},
    {"cells": "rate_cells", "sums": "rate_months", "day": MONTH, "long": RATES, **PLACES},
    {"cells": "rate_cells", "sums": "carrier_days", "day": "day", "long": ACCEPTED, **NOWHERE},
    {"cells": "transit_cells", "sums": "transit_months", "day": MONTH, "long": TRANSIT, **PLACES},
)  # fmt: skip


async def differing(con: Any, seconds: int) -> list[tuple[Any, ...]]:
    """Sums that are not those of their cells: cell, what is counted, in the cells, in the sums."""
    return [
        tuple(row) for each in SUMS for row in await con.fetch(COMPARE.format_map(each), timeout=seconds)
    ]
