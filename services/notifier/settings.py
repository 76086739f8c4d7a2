"""Settings of the notifier."""

from pydantic import Field, SecretStr

from buuta.endpoints import Host, PublicAddress
from buuta.settings import Port, SharedSettings


class NotifierSettings(SharedSettings):
    """The providers, beside what all services share."""

    portal_url: PublicAddress = Field("http://127.0.0.1:8082", description="Where tracking pages are.")
    smtp_host: Host = Field("127.0.0.1", description="Mail relay.")
    smtp_port: Port = Field(25, description="Its port.")
    smtp_user: str = Field("", description="User at the mail relay; empty: none.")
    smtp_password: SecretStr = Field(
        SecretStr(""),
        description="Password at the mail relay.",
        json_schema_extra={"only_with": "smtp_user"},
    )
    smtp_starttls: bool | None = Field(None, description="STARTTLS; unset: if the relay offers it.")
    mail_from: str = Field(
        "buuta@example.vn", pattern=r"^[^@\x00-\x1f]+@[^@\x00-\x1f]+$", description="Sender address."
    )
    smpp_host: Host = Field("127.0.0.1", description="SMSC.")
    smpp_port: Port = Field(2775, description="Its port.")
    smpp_system_id: str = Field("buuta", max_length=15, description="Our name at the SMSC.")
    smpp_password: SecretStr = Field(SecretStr("buuta"), description="Our password, 8 characters.")
    sms_sender: str = Field("BUUTA", max_length=11, description="Brand name, registered.")
    sms_accents: bool = Field(False, description="Vietnamese with accents: three pieces, not one.")
    provider_timeout: float = Field(20.0, gt=0, le=50, description="Seconds until an answer is missed.")
    tell_within_hours: int = Field(
        48,
        ge=1,
        description="Most hours after an event in which people are told of it; of some kinds fewer.",
    )
    recipient_messages_per_hour: int = Field(
        30, ge=1, description="Messages to one phone or e-mail in an hour; more are held back."
    )
    recipient_messages_per_day: int = Field(
        100, ge=1, description="Messages to one phone or e-mail in a day; more are held back."
    )
    parcel_messages_per_day: int = Field(
        100,
        ge=1,
        description="Messages about one parcel in a day for one shipper's registration; more are held back.",
    )
    shipper_messages_per_hour: int = Field(
        100_000,
        ge=1,
        description="Messages for one shipper's registrations in an hour; more are held back.",
    )
    send_at_once: int = Field(16, ge=1, le=200, description="Messages under way by a channel.")
    idle_seconds: float = Field(0.1, gt=0, description="Pause when nothing is due.")
