"""Settings of the notifier."""

from collections.abc import Iterator
from typing import Final

from pydantic import Field, SecretStr

from buuta.endpoints import Host, PublicAddress
from buuta.settings import OPERATIONS_PORT, Environment, Port, SharedSettings, is_loopback

LONGEST_PASSWORD: Final = 8
"""SMPP 3.4, 5.2.2: a C-octet string of at most nine octets, its NUL among them."""


class NotifierSettings(SharedSettings):
    """The providers, beside what all services share."""

    operations_port: Port = Field(9084, description=OPERATIONS_PORT)
    portal_url: PublicAddress = Field(
        "http://127.0.0.1:8082",
        description="Where customers reach the portal: links in messages begin with it.",
    )
    smtp_host: Host = Field("127.0.0.1", description="Host of the mail relay.")
    smtp_port: Port = Field(25, description="Port of the mail relay.")
    smtp_user: str = Field("", description="User at the mail relay; empty: none.")
    smtp_password: SecretStr = Field(
        SecretStr(""),
        description="Password at the mail relay.",
        json_schema_extra={"only_with": "smtp_user"},
    )
    smtp_starttls: bool | None = Field(None, description="STARTTLS; unset: if the relay offers it.")
    mail_from: str = Field(
        "buuta@example.vn", pattern=r"^[^@\x00-\x1f]+@[^@\x00-\x1f]+$", description="Sender of e-mails."
    )
    smpp_host: Host = Field("127.0.0.1", description="Host of the SMSC, which takes SMS by SMPP 3.4.")
    smpp_port: Port = Field(2775, description="Port of the SMSC.")
    smpp_system_id: str = Field("buuta", max_length=15, description="Our name at the SMSC.")
    smpp_password: SecretStr = Field(
        SecretStr("buuta"), description="Our password at the SMSC, 8 characters at most."
    )
    sms_sender: str = Field(
        "BUUTA",
        max_length=11,
        description="Sender of SMS: the brand name that operators know, 11 characters at most.",
    )
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

    def doubts(self) -> Iterator[str]:
        """What does not go together: links that open on nobody's phone, a password that SMPP cuts off."""
        yield from super().doubts()
        real = {"SMS": self.smpp_host, "e-mails": self.smtp_host}
        leaving = [name for name, host in real.items() if not is_loopback(host)]
        is_told_so = self.environment is Environment.PRODUCTION
        if leaving and is_loopback(self.portal_url) and not is_told_so:
            yield (
                f"BUUTA_PORTAL_URL is a loopback address, and {' and '.join(leaving)} leave this machine: "
                "their links open on nobody's phone. Set it to where customers reach the portal."
            )
        if len(self.smpp_password.get_secret_value().encode()) > LONGEST_PASSWORD:
            yield (
                f"BUUTA_SMPP_PASSWORD is longer than {LONGEST_PASSWORD} characters: SMPP 3.4 has no room for more, "
                "and an SMSC refuses it or cuts it off. Ask for a shorter one."
            )
