"""Every metric of Buuta, in one place; names carry their unit, labels are bounded and never personal."""

from prometheus_client import Counter, Gauge, Histogram, Info

BUILD = Info("buuta_build", "Version of the code and of its rules.")
WAITING = Gauge("buuta_waiting", "1 while the service waits for this part.", ["part"])
CLOCK_SKEW = Gauge(
    "buuta_clock_skew_seconds",
    "By how much this machine's clock is ahead of PostgreSQL's; negative: behind.",
)
HTTP_REFUSED = Counter(
    "buuta_http_refused_total",
    "Requests and connections that were refused before any work, and why.",
    ["why"],
)
DELAYS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 3600)
"""Bounds of what must not take longer than a second, in seconds."""

INGEST_ITEMS = Counter(
    "buuta_ingest_items_total",
    "Items that came in, by what became of them.",
    ["carrier", "door", "result"],
)
INGEST_SANDBOX_ITEMS = Counter(
    "buuta_ingest_sandbox_items_total",
    "Items that were sent with sandbox keys, by what would have become of them.",
    ["carrier", "door", "result"],
)
INGEST_UNKNOWN_CODES = Counter(
    "buuta_ingest_unknown_codes_total",
    "Reports set aside for an unknown code, which is sealed: buuta quarantine list.",
    ["carrier"],
)
INGEST_NOTES = Counter(
    "buuta_ingest_notes_total",
    "Fields that did not fit and were left out of reports which came in all the same, by the code of the note.",
    ["carrier", "note"],
)
INGEST_QUARANTINE = Gauge(
    "buuta_ingest_quarantine_records", "Reports that wait in quarantine.", ["carrier", "reason"]
)
INGEST_QUARANTINE_SECONDS = Gauge(
    "buuta_ingest_quarantine_oldest_seconds", "Age of the oldest that waits.", ["carrier", "reason"]
)
INGEST_ACCEPT_SECONDS = Histogram(
    "buuta_ingest_accept_seconds", "From the request to Kafka's acknowledgement.", ["door"]
)
INGEST_REFUSED = Counter(
    "buuta_ingest_refused_total",
    "Requests of known carriers that were refused, and why.",
    ["carrier", "why"],
)
INGEST_UNKNOWN_FACILITIES = Counter(
    "buuta_ingest_unknown_facilities_total", "Scans whose facility nobody has registered.", ["carrier"]
)
INGEST_AHEAD_SECONDS = Histogram(
    "buuta_ingest_ahead_seconds",
    "By how much the times of a carrier's scans lie after their receipt: its clock is ahead, or is no UTC.",
    ["carrier"], buckets=(1, 10, 60, 600, 3600, 23_400, 27_000, 86_400),
)  # fmt: skip
INGEST_SILENT_SECONDS = Gauge(
    "buuta_ingest_silent_seconds", "How long a carrier has not reported by any door.", ["carrier"]
)
INGEST_SILENT_ALLOWED_SECONDS = Gauge(
    "buuta_ingest_silent_allowed_seconds",
    "Half as long again as its longest silence of four weeks; beyond, something is wrong.",
    ["carrier"],
)
INGEST_MISSING_RECORDS = Gauge(
    "buuta_ingest_missing_records",
    "Of the manifests of a week: pieces that were declared and not seen an hour later.",
    ["carrier"],
)
INGEST_ODD_ADDRESSES = Counter(
    "buuta_ingest_odd_addresses_total",
    "Digital addresses that are not ten digits; they are kept.",
    ["carrier"],
)
INGEST_UNMEASURED = Counter(
    "buuta_ingest_unmeasured_total",
    "Scans without a distance, since the destination was forgotten meanwhile or does not open.",
    ["why"],
)
INGEST_POLLS = Counter(
    "buuta_ingest_polls_total",
    "Turns of carriers that are asked: answered or failed.",
    ["carrier", "result"],
)
SCHEMAS_UNANSWERED = Counter(
    "buuta_schemas_unanswered_total",
    "Times that a schema id was given up for which alone the registry does not answer.",
)
INGEST_SPOOLED = Counter(
    "buuta_ingest_spooled_total", "Scans that PostgreSQL took while Kafka did not acknowledge."
)
INGEST_SPOOL = Gauge("buuta_ingest_spool_records", "Scans in the spool that wait for Kafka.")

CHUNK_RECORDS = Histogram(
    "buuta_chunk_records", "Records in a committed chunk.", ["consumer"],
    buckets=(1, 10, 100, 500, 1000, 2000, 4000, 8000),
)  # fmt: skip
CHUNK_SECONDS = Histogram("buuta_chunk_seconds", "From taking a chunk up to its commit.", ["consumer"])
CHUNK_DELAY_SECONDS = Histogram(
    "buuta_chunk_delay_seconds", "From a chunk's first record entering the log up to its commit.",
    ["consumer"], buckets=DELAYS,
)  # fmt: skip
POSITION = Gauge("buuta_position_records", "Committed position.", ["consumer", "partition"])
LAG = Gauge(
    "buuta_lag_records", "Records between position and log end, by a timer.", ["consumer", "partition"]
)
OLDEST = Gauge(
    "buuta_oldest_record_seconds",
    "Age of the oldest record that is not applied; of a partition that stands still, at least since when it does.",
    ["consumer", "partition"],
)
DEAD_LETTERS = Counter(
    "buuta_dead_letters_total", "Records that could not be read or stored.", ["consumer"]
)
CHUNK_EVENTS = Counter(
    "buuta_chunk_events_total",
    "What befell chunks: committed, skipped, trimmed, reread, fenced, retried, halved.",
    ["consumer", "event"],
)

TRACKER_SCANS = Counter("buuta_tracker_scans_total", "Scans folded, by the way they took.", ["path"])
TRACKER_MILESTONES = Counter("buuta_tracker_milestones_total", "Milestone records told.", ["action"])
TRACKER_DEADLINES = Counter("buuta_tracker_deadlines_total", "Deadlines that were seen to pass.", ["kind"])

NOTIFIER_MESSAGES = Counter(
    "buuta_notifier_messages_total", "Messages by what became of them.", ["channel", "state"]
)
NOTIFIER_AWAY = Gauge(
    "buuta_notifier_channel_waiting",
    "1 while a channel does not reach its provider: nothing is claimed, and no message loses an attempt.",
    ["channel"],
)
NOTIFIER_TOO_OLD = Counter(
    "buuta_notifier_too_old_total", "Milestones that came too late after the event to become messages."
)
NOTIFIER_HELD = Counter(
    "buuta_notifier_held_total",
    "Messages held back: too many for a recipient, parcel or shipper.",
    ["reason"],
)
NOTIFIER_WAIT_SECONDS = Histogram(
    "buuta_notifier_wait_seconds",
    "From when a message was due up to its claim.",
    ["channel"],
    buckets=DELAYS,
)
NOTIFIER_SUBMIT_SECONDS = Histogram(
    "buuta_notifier_submit_seconds", "A provider's time to answer.", ["channel"]
)

PORTAL_REQUESTS = Counter("buuta_portal_requests_total", "Answers by page.", ["page", "status"])
PORTAL_WATCHERS = Gauge("buuta_portal_watchers", "Open live tracking pages.")

LOOP_FAILURES = Counter(
    "buuta_loop_failures_total",
    "Turns of background loops that failed: what they need is away, or a fault.",
    ["loop", "why"],
)
SET_ASIDE = Counter(
    "buuta_set_aside_total", "Elements that failed alone until they were set aside.", ["loop"]
)
SET_ASIDE_NOW = Gauge("buuta_set_aside_records", "Elements that are set aside: buuta stuck list.", ["loop"])
RETENTION_ROWS = Counter(
    "buuta_retention_rows_total", "Rows that were deleted or erased since they were too old.", ["table"]
)
