"""Findings: what a careful clerk would ask a carrier about."""

from typing import Annotated

import typer

from buuta.cli.admin import with_named
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named
from services.tracker.domain.findings import FINDINGS

COUNT = """
select split_part(parcel_key, ':', 1) as carrier, letter, count(*) as parcels, min(parcel_key) as example
from (
  select parcel_key, findings from parcels union all select parcel_key, findings from past_parcels
) as every, regexp_split_to_table(findings, '') as letter
where findings <> '' and ($1::text is null or parcel_key like $1 || ':%')
group by 1, 2
"""


def findings(
    carrier: Annotated[str | None, typer.Option(help="Only this carrier's parcels.")] = None,
    as_json: Json = False,
) -> None:
    """Count the parcels whose history breaks a rule, by carrier and rule, with an example of each.

    A finding is no verdict: a delivery without a round before it may be a scan that never came. A late
    scan or a correction takes it back.
    """

    rows = with_named(Named.CARRIER, carrier, lambda pool: pool.fetch(COUNT, carrier))
    counted = {(row["carrier"], row["letter"]): row for row in rows}
    cells = [
        (code, finding.name, row["parcels"], row["example"], finding.says)
        for code in sorted({carrier for carrier, _ in counted})
        for finding in FINDINGS
        if (row := counted.get((code, finding.letter)))
    ]
    columns = ("carrier", "rule", "parcels", "example", "what it says")
    show(Listing(columns, cells, "No findings."), as_json)


def add_to(app: typer.Typer) -> None:
    """Add the tool to the command."""
    app.command()(findings)
