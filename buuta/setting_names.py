"""Names of every service's own settings, beside those that all share.

`buuta` imports no service, and a deployment gives all of them one environment: so that a name of none is told, a
service knows the names of all. A test keeps them equal to what the services have.
"""

from typing import Final

OF_INGEST: Final = (
    "ingest_body_bytes", "ingest_inside_bytes", "ingest_items", "ingest_kafka_door", "ingest_patience",
    "ingest_poll_near", "ingest_recipes", "ingest_spool",
)  # fmt: skip
OF_TRACKER: Final = ("keep_parcels_days", "sweep_interval")
OF_NOTIFIER: Final = (
    "idle_seconds", "mail_from", "parcel_messages_per_day", "portal_url", "provider_timeout",
    "recipient_messages_per_day", "recipient_messages_per_hour", "send_at_once", "shipper_messages_per_hour",
    "smpp_host", "smpp_password", "smpp_port", "smpp_system_id", "sms_accents", "sms_sender", "smtp_host",
    "smtp_password", "smtp_port", "smtp_starttls", "smtp_user", "tell_within_hours",
)  # fmt: skip
OF_PORTAL: Final = (
    "changes_per_day", "cohort_window_days", "figures_pool", "figures_seconds", "figures_temp_mb", "locker_counts",
    "parcel_registrations", "recipient_changes_per_day", "recipient_registrations_per_hour", "redirect_counts",
    "most_unknown_share", "registrations_per_hour", "smallest_cell", "unconfirmed_per_day",
)  # fmt: skip
OF_SERVICES: Final = frozenset({*OF_INGEST, *OF_TRACKER, *OF_NOTIFIER, *OF_PORTAL})
