"""Private by design: logs, settings and errors say nothing personal and no secret."""

import json
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidTag
from pydantic import SecretStr

from buuta.errors import BadSettings
from buuta.settings import SharedSettings, describe, load
from buuta.storage.contacts import Contact
from buuta.storage.vault import Vault, read_master_key
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
    assert "BUUTA_PARTITIONS is 'none': input should be a valid integer" in str(wrong.value)
    assert "BUUTA_LOG_LEVEL is 'LOUD'" in str(wrong.value)


def test_secrets_are_masked() -> None:
    shown = describe(SharedSettings(master_key=SecretStr("11" * 32)))
    assert "11" * 32 not in repr(shown)
    assert shown["BUUTA_MASTER_KEY"] == "**********"


@pytest.mark.parametrize("text", ["", "abc", "11" * 31, "@/no/such/file"])
def test_a_bad_master_key_says_how_to_make_one_and_is_not_repeated(text: str) -> None:
    with pytest.raises(BadSettings, match="openssl rand -hex 32"):
        read_master_key(SecretStr(text))


def test_the_vault_opens_only_with_the_persons_key_and_finds_only_with_the_master_key() -> None:
    vault, other = Vault(bytes(32)), Vault(bytes([1] * 32))
    lan, minh = (
        vault.find_by("person", "shop", "+84912345678"),
        vault.find_by("person", "shop", "+84900000000"),
    )
    key = vault.new_person_key(lan)
    sealed = vault.seal(key, lan, "Lê Lợi".encode())
    assert vault.open(key, lan, sealed).decode() == "Lê Lợi"
    assert other.find_by("person", "shop", "+84912345678") != lan
    assert vault.seal(key, lan, b"x") != vault.seal(key, lan, b"x")
    for opener, whose in ((vault, minh), (other, lan)):
        with pytest.raises(InvalidTag):
            opener.open(key, whose, sealed)
