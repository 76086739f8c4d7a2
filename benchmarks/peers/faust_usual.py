"""The usual way with Faust: decode, state per parcel in a table with changelog, milestones by `send`."""

import io
import os
import sys
import tempfile
import time
from typing import Any

import fastavro
import faust

from buuta.contracts.schemas import schema

COUNT = int(os.environ.get("BENCH_COUNT", "0"))
TOPIC = os.environ["BUUTA_EVENTS_TOPIC"]
MILESTONES = os.environ["BUUTA_MILESTONES_TOPIC"]
SCAN = schema("ScanEvent").parsed
TOLD = {"accepted", "in_transit", "out_for_delivery", "attempt_failed", "delivered"}

app = faust.App(
    f"app-{MILESTONES}", broker=f"kafka://{os.environ['BUUTA_KAFKA']}", store="memory://",
    web_enabled=False, topic_partitions=4, datadir=tempfile.mkdtemp(),
    consumer_auto_offset_reset="earliest",
)  # fmt: skip
events = app.topic(TOPIC, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")
milestones = app.topic(MILESTONES, value_type=dict, partitions=4, value_serializer="json")
parcels = app.Table("parcels", default=dict, partitions=4, key_type=str, value_type=dict)
seen, started = 0, 0.0


@app.agent(events)  # type: ignore[untyped-decorator]
async def track(stream: Any) -> None:
    """One scan at a time."""
    global seen, started
    async for value in stream:
        started = started or time.perf_counter()
        scan = fastavro.schemaless_reader(io.BytesIO(value[10:]), SCAN, None)
        key = f"{scan['carrier']}:{scan['number']}"
        parcel = parcels[key]
        if scan["status"] != parcel.get("status") and scan["status"] in TOLD:
            number = parcel.get("sequence", 0) + 1
            await milestones.send(key=key, value={"id": f"{key}#{number}", "kind": scan["status"]})
            parcel["sequence"] = number
        parcel["status"] = scan["status"]
        parcels[key] = parcel
        seen += 1
        if seen == COUNT:
            # Faust hands `print` to its logger; the descriptor is the parent's.
            os.write(1, f"SPEED {COUNT / (time.perf_counter() - started):.1f}\n".encode())
            os._exit(0)


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "error"]
    app.main()
