"""E-mail by SMTP, text and HTML."""

import asyncio
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, select_autoescape

from buuta.wording.words import spoken, word
from services.notifier.channels.channel import Letter, Submission
from services.notifier.domain.states import Fate
from services.notifier.settings import NotifierSettings

FATES: Final = {2: Fate.ACCEPTED, 4: Fate.TRY_AGAIN, 5: Fate.REFUSED}
"""RFC 5321, 4.2.1: the first digit of a reply says whether to try again."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=select_autoescape()
)


class EmailChannel:
    """One SMTP conversation a message: whatever breaks it before DATA breaks nothing else."""

    name = "email"
    waits_for = None

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings

    async def submit(self, letter: Letter) -> Submission:
        """Hand a message to the relay, within one time limit; from DATA on, silence means that nobody knows."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host, port=settings.smtp_port, timeout=settings.provider_timeout,
            use_tls=False, start_tls=settings.smtp_starttls,
        )  # fmt: skip
        silence = Fate.TRY_AGAIN
        try:
            # The client's own limit is for each answer, of which a conversation has ten; and a relay may drip.
            async with asyncio.timeout(settings.provider_timeout):
                await client.connect()
                if settings.smtp_user:
                    await client.login(settings.smtp_user, settings.smtp_password.get_secret_value())
                await client.mail(settings.mail_from)
                await client.rcpt(letter.address)
                silence = Fate.UNKNOWN
                answer = await client.data(self._message(letter).as_bytes())
                return Submission(Fate.ACCEPTED, str(answer.code))
        except aiosmtplib.SMTPResponseException as refused:
            return Submission(FATES.get(refused.code // 100, Fate.TRY_AGAIN), str(refused.code))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as broken:
            return Submission(silence, type(broken).__name__)
        finally:
            client.close()

    def _message(self, letter: Letter) -> EmailMessage:
        words = letter.words
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = letter.address
        message["Subject"] = words.sentence.split(". ")[0]
        message["Message-ID"] = f"<{letter.message_id}@{self._settings.mail_from.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        link = word("mail", "link", spoken(letter.language))
        message.set_content(f"{words.sentence}\n\n{link}: {words.page}\n\nBưu tá\n")
        html = _environment.get_template("email.html")
        message.add_alternative(
            html.render(words=words, language=letter.language, link=link), subtype="html"
        )
        return message
