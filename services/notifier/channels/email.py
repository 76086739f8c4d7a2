"""E-mail by SMTP, text and HTML."""

import asyncio
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, select_autoescape

from buuta.wording.words import spoken, word
from services.notifier.channels.channel import Letter, Submission
from services.notifier.domain.states import Fate
from services.notifier.settings import NotifierSettings

FATES: Final = {4: Fate.TRY_AGAIN, 5: Fate.REFUSED}
"""RFC 5321, 4.2.1: the first digit of a reply says whether to try again."""
CLOSING: Final = 421
"""RFC 5321, 3.8: the relay shuts down; it says so in place of any answer."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=select_autoescape()
)


@dataclass
class _Talk:
    """How far a conversation has come, and so what an answer or silence means."""

    is_of_message: bool = False
    silence: Fate = Fate.AWAY

    def fate(self, code: int) -> Fate:
        """What a reply of an error means for the message; one that is no reply of SMTP is as good as silence."""
        if not self.is_of_message or code == CLOSING:
            return Fate.AWAY
        return FATES.get(code // 100, self.silence)


def client_of(settings: NotifierSettings, seconds: float) -> aiosmtplib.SMTP:
    """A client of the mail relay, not connected yet, that waits so long for each answer."""
    return aiosmtplib.SMTP(
        hostname=settings.smtp_host, port=settings.smtp_port, timeout=seconds,
        use_tls=False, start_tls=settings.smtp_starttls,
    )  # fmt: skip


async def enter(client: aiosmtplib.SMTP, settings: NotifierSettings) -> None:
    """Connect, and say who we are where the relay wants to know.

    Raises:
        aiosmtplib.SMTPException, OSError: it does not answer, or does not let us in.
    """
    await client.connect()
    if settings.smtp_user:
        await client.login(settings.smtp_user, settings.smtp_password.get_secret_value())


class EmailChannel:
    """One SMTP conversation a message: whatever breaks it before DATA breaks nothing else.

    What the relay says before it is asked for the recipient is said to us, and not of the message.
    """

    name = "email"
    waits_for = None

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings

    async def submit(self, letter: Letter) -> Submission:
        """Hand a message to the relay, within one time limit; from DATA on, silence means that nobody knows."""
        settings, talk, content = self._settings, _Talk(), self._message(letter).as_bytes()
        client = client_of(settings, settings.provider_timeout)
        try:
            # The client's own limit is for each answer, of which a conversation has ten; and a relay may drip.
            async with asyncio.timeout(settings.provider_timeout):
                return await self._converse(client, letter, content, talk)
        except aiosmtplib.SMTPResponseException as refused:
            return Submission(talk.fate(refused.code), str(refused.code))
        except (aiosmtplib.SMTPNotSupported, UnicodeError) as unable:
            # An address that this relay cannot write; before that, something that it cannot do for us.
            fate = Fate.REFUSED if talk.is_of_message else Fate.AWAY
            return Submission(fate, type(unable).__name__)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as broken:
            return Submission(talk.silence, type(broken).__name__)
        finally:
            client.close()

    async def _converse(
        self, client: aiosmtplib.SMTP, letter: Letter, content: bytes, talk: _Talk
    ) -> Submission:
        await enter(client, self._settings)
        await client.mail(self._settings.mail_from)
        talk.is_of_message = True
        await client.rcpt(letter.address)
        if time.monotonic() > letter.leaves_by:
            return Submission(Fate.AWAY, "too_late")
        talk.silence = Fate.UNKNOWN
        answer = await client.data(content)
        return Submission(Fate.ACCEPTED, str(answer.code))

    def _message(self, letter: Letter) -> EmailMessage:
        words = letter.words
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = letter.address
        message["Subject"] = words.sentence.split(". ")[0].removesuffix(".")
        message["Message-ID"] = f"<{letter.message_id}@{self._settings.mail_from.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        link = word("mail", "link", spoken(letter.language))
        message.set_content(f"{words.sentence}\n\n{link}: {words.page}\n\nBưu tá\n")
        html = _environment.get_template("email.html")
        message.add_alternative(
            html.render(words=words, language=letter.language, link=link), subtype="html"
        )
        return message
