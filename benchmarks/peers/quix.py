"""Quix Streams doing the tracker's work as its tutorial writes it; runs in an environment of its own.

Two processes share the partitions. Each prints `SPAN first last records` once it has been idle for a
while: wall-clock seconds of its first and its last record.
"""

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import fastavro
from quixstreams import Application

TOLD = {"accepted", "in_transit", "out_for_delivery", "attempt_failed", "delivered"}
ONCE = {"accepted", "in_transit", "delivered"}
HEADER = 10
IDLE_SECONDS = 8.0


class Peer:
    """The fold, and the times of the first and the last record."""

    def __init__(self, schemas: Path) -> None:
        self._scan, self._milestone = (
            fastavro.parse_schema(json.loads((schemas / f"{name}.avsc").read_text()))
            for name in ("ScanEvent", "ParcelMilestone")
        )
        self._header = b"\xc3\x01" + bytes(8)
        self._told = {field["name"] for field in self._milestone["fields"]}
        self.first, self.last, self.records = 0.0, 0.0, 0

    def fold(self, value: bytes, state: Any) -> bytes | None:
        """One scan: the parcel's state moves on; returns a milestone where there is one."""
        self.last = time.time()
        self.first = self.first or self.last
        self.records += 1
        scan: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), self._scan, None)
        parcel = state.get("parcel", {"status": "", "sequence": 0, "told": {}})
        status, told = scan["status"], parcel["told"]
        tells = status in TOLD and status != parcel["status"] and not (status in ONCE and status in told)
        parcel["status"] = status
        if tells:
            parcel["sequence"] += 1
            told[status] = told.get(status, 0) + 1
        state.set("parcel", parcel)
        return self._encoded(scan, parcel["sequence"], told[status]) if tells else None

    def _encoded(self, scan: dict[str, Any], sequence: int, ordinal: int) -> bytes:
        out = io.BytesIO()
        out.write(self._header)
        record = {name: scan[name] for name in self._told & scan.keys()} | {
            "milestone_id": f"{scan['carrier']}:{scan['number']}#{sequence}", "sequence": sequence,
            "action": "joined", "kind": scan["status"], "ordinal": ordinal, "epoch": 1,
            "registration_id": None, "promised_at": None,
        }  # fmt: skip
        fastavro.schemaless_writer(out, self._milestone, record)
        return out.getvalue()


def main() -> None:
    """Arguments: bootstrap servers, topic, topic of milestones, folder of schemas, folder for state."""
    servers, topic, milestones, schemas, state = sys.argv[1:]
    app = Application(
        broker_address=servers, consumer_group=f"quix-{milestones}", auto_offset_reset="earliest",
        state_dir=state, loglevel="ERROR",
    )  # fmt: skip
    peer = Peer(Path(schemas))
    scans = app.dataframe(app.topic(topic, value_deserializer="bytes", key_deserializer="bytes"))
    told = scans.apply(peer.fold, stateful=True)
    told = told[told.apply(lambda value: value is not None)]
    told.to_topic(app.topic(milestones, value_serializer="bytes", key_serializer="bytes"))
    app.run(timeout=float(os.environ.get("QUIX_IDLE", IDLE_SECONDS)))
    print(f"SPAN {peer.first} {peer.last} {peer.records}", flush=True)


if __name__ == "__main__":
    main()
