"""`buuta carrier check`: what would become of a carrier's samples, without sending anything anywhere.

Each sample is read as its door reads it, mapped by the carrier's own recipe, and each parcel's scans are folded by
the tracker's own fold. So what is said here is what happens.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.identifiers import s10_flag
from buuta.model.scan import Scan
from buuta.model.statuses import OffsetSource, Status
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.bodies import assembled
from services.ingest.domain.document import read_document
from services.ingest.domain.doubts import doubt, in_sum
from services.ingest.domain.fitting import fitted
from services.ingest.domain.notes import Note
from services.ingest.domain.recipe import Receipt, Recipe, UnknownCode, shown_code, to_scan
from services.ingest.domain.single import apart
from services.ingest.domain.webhook import Webhook
from services.ingest.domain.xml import read_xml
from services.ingest.doors.batch import read_line, read_report
from services.ingest.doors.file import names_of, parse_of
from services.ingest.doors.forms import read_text_body
from services.ingest.doors.sheets import TABLES, opened
from services.ingest.intake import Parse
from services.tracker.domain.findings import FINDINGS
from services.tracker.domain.fold import fold
from services.tracker.domain.parcel import Parcel

MINUTE_MS: Final = 60_000


@dataclass(frozen=True)
class Sample:
    """One report as it would come: where it stands in the file, what it is, how its door reads it."""

    place: str
    payload: Any
    parse: Parse


@dataclass(frozen=True)
class Verdict:
    """What would become of one sample; `scan` where there is one."""

    place: str
    result: str
    scan: Scan | None = None
    code: str = ""
    says: str = ""
    notes: Sequence[Note] = ()
    steers: bool = True


@dataclass(frozen=True)
class Timeline:
    """A parcel as its page would show it: scans in the order of business time, and what they amount to."""

    number: str
    scans: Sequence[Scan]
    parcel: Parcel
    findings: Sequence[str]


@dataclass
class Conformance:
    """What the samples say of the whole."""

    verdicts: list[Verdict] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)

    def count(self, result: str) -> int:
        """How many samples came to this end."""
        return sum(verdict.result == result for verdict in self.verdicts)

    @property
    def exit_code(self) -> int:
        """0: all is well; 1: something is unmapped or missing for the rate; 2: something would be refused."""
        if self.count("rejected") or not self.verdicts:
            return 2
        return 1 if self.unmapped or self.missing else 0


def read_samples(recipe: Recipe, path: Path) -> Iterator[Sample]:
    """The samples of a file: JSON (one, or an array), a JSON text a line, a form a line, CSV or XLSX.

    Raises:
        BadItem: a spreadsheet, or a document of EPCIS, that cannot be read.
    """
    if path.suffix.lower() in TABLES:
        with opened(path, names_of(recipe)) as sheet:
            parse = parse_of(recipe, sheet.columns)
            for number, cells, _ in sheet.rows:
                yield Sample(f"line {number}", cells, parse)
        return
    is_xml = recipe.webhook is not None and recipe.webhook.body == "xml"
    bodies = [read_xml(path.read_bytes())] if is_xml else _payloads(recipe, path.read_bytes())
    payloads = [payload for body in bodies for payload in _unfolded(recipe, body)]
    for number, payload in enumerate(payloads, 1):
        yield Sample(f"sample {number}", payload, _parse(recipe, payload))


def _unfolded(recipe: Recipe, body: Any) -> Sequence[Any]:
    """The events of a body, as a webhook takes it apart; an item of our own is one."""
    if not isinstance(body, dict) or _parse(recipe, body) is read_report:
        return [body]
    return recipe.unfold(assembled(recipe.webhook or Webhook(), body, {}, {}, parse_json))


def _payloads(recipe: Recipe, text: bytes) -> Iterator[Any]:
    read = partial(read_text_body, recipe.webhook or Webhook())
    try:
        whole = read(text) if text.lstrip().startswith(b"--") else parse_json(text)
    except Problem as wrong:
        if b'"epcisBody"' in text:
            raise BadItem(wrong.code, wrong.detail) from None
        for line in text.splitlines():
            if line.strip():
                yield read_line(line.strip(), read)
        return
    if isinstance(whole, Mapping) and "epcisBody" in whole:
        yield from apart(read_document(whole))
    else:
        yield from whole if isinstance(whole, list) else [whole]


def _parse(recipe: Recipe, payload: Any) -> Parse:
    """By the vendor's own form where it has one, and by Buuta's item otherwise."""
    own = isinstance(payload, Mapping) and not {"number", "code", "occurred_at"} <= payload.keys()
    return recipe.parse if own else read_report


def check(recipe: Recipe, receipt: Receipt, samples: Iterable[Sample]) -> Conformance:
    """Read, map and fold the samples as if they came in so."""
    found = Conformance()
    scans: dict[str, Scan] = {}
    for sample in samples:
        verdict = _verdict(recipe, receipt, sample)
        if verdict.scan is not None and verdict.scan.event_id in scans:
            verdict = Verdict(sample.place, "duplicate", verdict.scan, notes=verdict.notes)
        elif verdict.scan is not None:
            scans[verdict.scan.event_id] = verdict.scan
        if verdict.result == "quarantined":
            found.unmapped[verdict.code] += 1
        found.verdicts.append(verdict)
    found.missing = list(_missing(scans.values()))
    found.notes = [*_left_out(found.verdicts), *_notes(scans.values())]
    found.timelines = _timelines(scans.values())
    return found


def _verdict(recipe: Recipe, receipt: Receipt, sample: Sample) -> Verdict:
    try:
        report = sample.parse(sample.payload)
        report = report and fitted(report)
        scan = report and to_scan(recipe, report, receipt)
    except UnknownCode as unknown:
        return Verdict(sample.place, "quarantined", None, shown_code(unknown.raw_code), str(unknown))
    except BadItem as bad:
        return Verdict(sample.place, "rejected", None, bad.code, str(bad))
    if report is None or scan is None:
        return Verdict(sample.place, "ignored")
    warned = doubt(scan)
    if warned is None:
        return Verdict(sample.place, "accepted", scan, notes=report.notes)
    return Verdict(sample.place, "accepted", scan, warned.code, warned.message, report.notes, warned.steers)


def _left_out(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """What does not fit, and would be left out of reports that come in all the same."""
    counts = Counter(note.message for verdict in verdicts for note in verdict.notes)
    return (f"{count} reports: {message}" for message, count in counts.most_common())


def _missing(scans: Iterable[Scan]) -> Iterator[str]:
    """What the delivery-to-address rate needs, and is not said."""
    seen = {status: [scan for scan in scans if scan.status == status] for status in Status}
    if not seen[Status.ACCEPTED]:
        yield "no sample is an acceptance: the rate counts by its day, and takes the first movement instead"
    if not seen[Status.DELIVERED]:
        yield "no sample is a delivery"
    unsaid = [scan for scan in seen[Status.DELIVERED] if scan.delivery_mode is None]
    if unsaid:
        yield (
            f"{len(unsaid)} of {len(seen[Status.DELIVERED])} deliveries do not say how it was handed over "
            "(delivery mode: at the address, at a point, as asked): they count as unknown unless a scan "
            "before them shows it"
        )


def _notes(scans: Iterable[Scan]) -> Iterator[str]:
    every = list(scans)
    assumed = sum(scan.offset_source == OffsetSource.ASSUMED.value for scan in every)
    if assumed:
        yield f"{assumed} times have no offset; that of the format or of the carrier's time zone is assumed"
    days = sum(scan.day_only for scan in every)
    if days:
        yield f"{days} say the day and no clock: they come after all else of that day, and are told without a clock"
    yield from in_sum(Counter(each.code for each in map(doubt, every) if each is not None))
    flagged = sorted({scan.number for scan in every if s10_flag(scan.number)})
    if flagged:
        yield f"the S10 check digit fails, which is flagged and never refused: {', '.join(flagged[:5])}"
    provisional = sum(scan.provisional for scan in every)
    if provisional:
        yield f"{provisional} are what a courier reports and the carrier has not confirmed: they end no parcel"


def _timelines(scans: Iterable[Scan]) -> list[Timeline]:
    """Each parcel, its scans taken as received a minute after they happened, so that old samples steer too."""
    by_number: defaultdict[str, list[Scan]] = defaultdict(list)
    for scan in scans:
        by_number[scan.number].append(scan._replace(received_at=scan.occurred_at + MINUTE_MS))
    return [_timeline(number, own) for number, own in sorted(by_number.items())]


def _timeline(number: str, scans: list[Scan]) -> Timeline:
    parcel = fold(scans)[0]
    names = [finding.name for finding in FINDINGS if finding.letter in parcel.findings]
    return Timeline(number, sorted(scans, key=lambda scan: scan.occurred_at), parcel, names)


def as_json(found: Conformance) -> str:
    """The same for machines."""
    return json.dumps(
        {
            "exit_code": found.exit_code,
            "samples": [
                {"place": each.place, "result": each.result, "code": each.code, "says": each.says,
                 "notes": [note._asdict() for note in each.notes], "steers": each.steers,
                 "scan": None if each.scan is None else each.scan._asdict()}
                for each in found.verdicts
            ],
            "unmapped": dict(found.unmapped), "missing": found.missing, "notes": found.notes,
            "parcels": {
                each.number: {"status": each.parcel.status, "outcome": each.parcel.outcome,
                              "delivery_mode": each.parcel.delivery_mode, "findings": each.findings}
                for each in found.timelines
            },
        },
        ensure_ascii=False, indent=2,
    )  # fmt: skip
