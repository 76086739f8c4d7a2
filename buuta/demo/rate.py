"""The delivery-to-address rate of the demo's day: a range, since not every carrier says how it handed over."""

from typing import Any, Final

from services.portal.domain.rates import COUNTS, Counts
from services.portal.domain.spoken import Spoken

SUMS: Final = (
    f"select {', '.join(f'coalesce(sum({name}), 0)::int as {name}' for name in COUNTS)} from rate_cells"  # noqa: S608
)


async def counted(con: Any) -> Counts:
    """All parcels of all carriers."""
    return Counts(**await con.fetchrow(SUMS))


def said(counts: Counts) -> str:
    """The rate as the terminal shows it."""
    say = Spoken("en")
    if not counts.delivered:
        return "–"
    return f"{say.range(counts.net)} of {say.number(counts.delivered)} delivered"


def figures(counts: Counts) -> dict[str, Any]:
    """The rate as the reconciliation has it."""
    return {
        "delivered": counts.delivered, "at_least": counts.net.at_least, "at_most": counts.net.at_most,
        "unknown_share": counts.unknown_share,
    }  # fmt: skip
