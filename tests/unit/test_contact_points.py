"""One person has one hash, however a phone or an e-mail is spelt; what is no address is none."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from buuta.model.contact_points import one_mailbox, one_spelling
from buuta.storage.contacts import Contact, person_hash, recipient_hash, recipients
from buuta.storage.vault import FINDING, Vault
from services.portal.domain.registration import Recipient

VAULT: Final = Vault(bytes(32))
VAULT.unlock(VAULT.new_key(FINDING))
SAME: Final = (
    ("sms", "+84900000001", "+840900000001"), ("sms", "+84900000001", "+8400900000001"),
    ("email", "a@x.vn", "A@x.vn"), ("email", "a@x.vn", "a@X.VN"), ("email", "lan.le@x.vn", "Lan.Le@X.vn"),
)  # fmt: skip
TAGGED: Final = ("a+1@x.vn", "A+shop+2@x.vn", "a+@X.vn")
OTHERS: Final = (
    ("sms", "+84900000001", "+84900000002"), ("sms", "+39061234567", "+3961234567"),
    ("email", "a@x.vn", "b@x.vn"), ("email", "a@x.vn", "a@y.vn"), ("email", "a.b@x.vn", "ab@x.vn"),
    ("email", "+a@x.vn", "+b@x.vn"),
)  # fmt: skip
NO_EMAIL: Final = (
    "..@x.vn", "a@-.-", ".a@x.vn", "a.@x.vn", "a..b@x.vn", "a@x", "a@-x.vn", "a@x-.vn", "a@x..vn", "a@x.vn.",
    "a@.vn", "a@1.2.3.4", "a@x.1", "a@x.v", "a@@x.vn", "a@x.vn\n", "à@x.vn", f"{'a' * 65}@x.vn", f"a@{'x' * 64}.vn",
)  # fmt: skip
EMAIL: Final = (
    "a@x.vn",
    "lan.le+b_1%@mail.x-y.com.vn",
    "a@xn--x-0ia.xn--p1ai",
    f"{'a' * 64}@x.vn",
    "1@2.vn",
)


def contact(channel: str, address: str) -> Contact:
    return Contact(address if channel == "sms" else None, address if channel == "email" else None, "vi")


@pytest.mark.parametrize(("channel", "one", "other"), SAME)
def test_two_spellings_are_one_person_and_one_recipient(channel: str, one: str, other: str) -> None:
    assert recipient_hash(VAULT, channel, one) == recipient_hash(VAULT, channel, other)
    both = [person_hash(VAULT, "shop", contact(channel, each)) for each in (one, other)]
    assert both[0] == both[1]
    assert recipients(VAULT, contact(channel, one)) == recipients(VAULT, contact(channel, other))


@pytest.mark.parametrize("tagged", TAGGED)
def test_a_tag_is_another_person_of_the_same_mailbox(tagged: str) -> None:
    assert recipient_hash(VAULT, "email", tagged) == recipient_hash(VAULT, "email", "a@x.vn")
    assert person_hash(VAULT, "shop", contact("email", tagged)) != person_hash(
        VAULT, "shop", contact("email", "a@x.vn")
    )


@pytest.mark.parametrize(("channel", "one", "other"), OTHERS)
def test_who_is_another_stays_another(channel: str, one: str, other: str) -> None:
    assert recipient_hash(VAULT, channel, one) != recipient_hash(VAULT, channel, other)
    assert person_hash(VAULT, "shop", contact(channel, one)) != person_hash(
        VAULT, "shop", contact(channel, other)
    )


@given(st.text("+084a@.Xx", max_size=20))
def test_the_one_spelling_of_the_one_spelling_is_itself(address: str) -> None:
    assert one_spelling(one_spelling(address)) == one_spelling(address)
    assert one_mailbox(one_mailbox(address)) == one_mailbox(address) == one_mailbox(one_spelling(address))


@pytest.mark.parametrize("email", NO_EMAIL)
def test_what_mail_cannot_be_sent_to_is_refused_in_a_sentence(email: str) -> None:
    with pytest.raises(ValidationError, match="an e-mail is written") as wrong:
        Recipient(email=email)
    assert email not in str(wrong.value)


@pytest.mark.parametrize("email", EMAIL)
def test_what_mail_can_be_sent_to_is_taken_as_it_is_written(email: str) -> None:
    assert Recipient(email=email).email == email


def test_a_phone_is_called_without_the_zero_of_its_country() -> None:
    said: dict[str, Any] = {"phone": "+840912345678"}
    assert Recipient.model_validate(said).phone == "+84912345678"
    with pytest.raises(ValidationError, match="a phone is written"):
        Recipient(phone="+84000000000")
