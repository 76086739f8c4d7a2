"""Private by design: logs, settings and errors say nothing personal and no secret."""

import json
import subprocess
import sys
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from buuta.errors import BadSettings, DatabaseAway, Unopenable
from buuta.settings import SharedSettings, describe, load
from buuta.storage.contacts import Contact
from buuta.storage.vault import FINDING, Owned, Place, Vault, read_master_key
from buuta.telemetry.logs import redact

CANARY = ("0912345678", "+84912345678", "lan.nguyen@example.vn")
SCRIPT = """
import logging, structlog
from buuta.telemetry.logs import configure
configure("test")
structlog.get_logger().warning("call +84912345678", phone="0912345678", deep={"email": "x@y.vn", "n": 1})
logging.getLogger("library").error("mail to %s failed", "lan.nguyen@example.vn")
"""


def test_a_log_line_is_json_and_hides_phones_and_mails_of_ours_and_of_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error"]
    assert lines[0]["deep"] == {"email": "[redacted]", "n": 1}
    assert not any(canary in done.stderr for canary in (*CANARY, "x@y.vn"))


@pytest.mark.parametrize("canary", CANARY)
def test_a_contact_is_hidden_wherever_it_stands(canary: str) -> None:
    event = redact(None, "", {"event": f"to {canary}", "list": [canary], "recipient": canary, "n": 3})
    assert canary not in json.dumps(event)
    assert event["n"] == 3


def test_times_and_ids_stay_readable() -> None:
    event = {
        "event": "x",
        "timestamp": "2026-11-24T06:32:35.209699Z",
        "at": 1795503139812,
        "key": "ghn:Z82BS",
    }
    assert redact(None, "", dict(event)) == event


def test_a_contact_never_prints_itself() -> None:
    assert "0912" not in repr(Contact("+840912", None, "vi"))


def test_a_wrong_setting_says_which_what_it_got_and_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUUTA_PARTITIONS", "none")
    monkeypatch.setenv("BUUTA_LOG_LEVEL", "LOUD")
    with pytest.raises(BadSettings) as wrong:
        load(SharedSettings)
    assert "BUUTA_PARTITIONS is 'none': it must be a whole number" in str(wrong.value)
    assert "BUUTA_LOG_LEVEL is 'LOUD'" in str(wrong.value)


def test_secrets_are_masked() -> None:
    shown = describe(SharedSettings(master_key=SecretStr("11" * 32)))
    assert "11" * 32 not in repr(shown)
    assert shown["BUUTA_MASTER_KEY"] == "**********"


@pytest.mark.parametrize("text", ["", "abc", "11" * 31, "@/no/such/file"])
def test_a_bad_master_key_says_how_to_make_one_and_is_not_repeated(text: str) -> None:
    with pytest.raises(BadSettings, match="openssl rand -hex 32"):
        read_master_key(SecretStr(text))


def unlocked(master: bytes, previous: bytes | None = None) -> Vault:
    vault = Vault(master, previous)
    vault.unlock(vault.new_key(FINDING))
    return vault


HERE: Final = Place("registrations.contacts", b"1")


def test_the_vault_finds_only_with_its_own_key() -> None:
    vault, other = unlocked(bytes(32)), unlocked(bytes([1] * 32))
    assert vault.find_by("person", "shop", "+84912345678") == vault.find_by(
        "person", "shop", "+84912345678"
    )
    assert vault.find_by("person", "shop", "+84912345678") != vault.find_by(
        "person", "shop", "+84900000000"
    )
    assert other.find_by("person", "shop", "+84912345678") != vault.find_by(
        "person", "shop", "+84912345678"
    )
    with pytest.raises(DatabaseAway):
        Vault(bytes(32)).find_by("person", "shop", "+84912345678")


def test_a_key_opens_only_for_its_owner_and_under_its_master_key() -> None:
    vault, other = Vault(bytes(32)), Vault(bytes([1] * 32))
    key = Owned(b"lan", vault.new_key(b"lan"))
    sealed = vault.seal(key, HERE, "Lê Lợi".encode())
    assert vault.open(key, HERE, sealed) == "Lê Lợi".encode()
    assert vault.seal(key, HERE, b"x") != vault.seal(key, HERE, b"x")
    for opener, whose in ((vault, Owned(b"minh", key.wrapped)), (other, key)):
        with pytest.raises(Unopenable):
            opener.open(whose, HERE, sealed)


@pytest.mark.parametrize(
    "there", [Place("registrations.contacts", b"2"), Place("registrations.destination", b"1")]
)
def test_a_ciphertext_opens_only_where_it_was_put(there: Place) -> None:
    vault = Vault(bytes(32))
    key = Owned(b"lan", vault.new_key(b"lan"))
    with pytest.raises(Unopenable):
        vault.open(key, there, vault.seal(key, HERE, b"x"))
    with pytest.raises(Unopenable):
        vault.open_directly(there, vault.seal_directly(HERE, b"x"))


def test_what_a_destroyed_key_sealed_reads_as_forgotten_and_never_as_an_error() -> None:
    vault = Vault(bytes(32))
    before, after = (Owned(b"lan", vault.new_key(b"lan")) for _ in range(2))
    sealed = vault.seal(before, HERE, b"x")
    assert vault.open(after, HERE, sealed) is None
    assert vault.open(None, HERE, sealed) is None


def test_while_keys_are_rotated_both_master_keys_open_and_the_first_seals() -> None:
    old, new = bytes(32), bytes([1] * 32)
    before, between, after = Vault(old), Vault(new, old), Vault(new)
    key = Owned(b"lan", before.new_key(b"lan"))
    sealed, direct = before.seal(key, HERE, b"x"), before.seal_directly(HERE, b"y")
    assert (between.open(key, HERE, sealed), between.open_directly(HERE, direct)) == (b"x", b"y")
    moved = Owned(b"lan", between.rewrapped(key))
    assert after.open(moved, HERE, sealed) == b"x"
    assert after.open(moved, HERE, between.seal(key, HERE, b"z")) == b"z"
    with pytest.raises(Unopenable, match="was not given"):
        after.open_directly(HERE, direct)


@given(st.binary(max_size=60))
def test_bytes_that_nobody_sealed_are_unopenable_or_forgotten(junk: bytes) -> None:
    vault = Vault(bytes(32))
    key = Owned(b"lan", vault.new_key(b"lan"))
    assert vault.open(key, HERE, junk) is None
    with pytest.raises(Unopenable):
        vault.open(key, HERE, key.generation + junk)
    with pytest.raises(Unopenable):
        vault.open_directly(HERE, vault.master_id + junk)
