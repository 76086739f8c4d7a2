"""Whether records that are sent once more, by hand or into another log, would be taken by the doors of today."""

from collections.abc import Sequence

from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.errors import BadItem
from buuta.model.checked import checked
from buuta.model.scan import SCAN_FIELDS, Scan


def unfit(codec: Codec, values: Sequence[bytes | None]) -> dict[int, str]:
    """The places of scans that no door would take, and why; what is no scan, or does not read, is not judged."""
    found: dict[int, str] = {}
    for group in decode_chunk(codec, values).groups:
        if group.schema != "ScanEvent":
            continue
        for place, row in zip(group.places, group.rows(SCAN_FIELDS), strict=True):
            try:
                checked(Scan(*row))
            except BadItem as bad:
                found[place] = str(bad)
    return found
