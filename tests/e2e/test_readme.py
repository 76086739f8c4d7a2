"""The README's blocks, typed as they stand there and in their order, beside what `make run` runs."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.cli.config import KINDS
from buuta.cli.main import Commands
from buuta.demo.sinks import MailSink, SmsSink
from buuta.embedded.broker import EmbeddedBroker
from buuta.embedded.database import EmbeddedDatabase

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DEMO = [sys.executable, "-c", "from buuta.cli.main import main; main()", "demo"]
ON_ITS_PAGE = "until curl -s $PORTAL/t/ghn/Z82BS | grep -q 'Đã giao'; do sleep 0.2; done"
RECEIVED = 'until curl -s "$INBOX.json?to=0912345678" | grep -q Z82BS; do sleep 0.2; done'
LAST = (
    "for each in ghn/Z82BS S1.A1.17373471 vnp/EJ012345678VN; do "
    "until curl -sfLo /dev/null $PORTAL/t/$each; do sleep 0.2; done; done"
)


def blocks(heading: str) -> list[str]:
    """The shell blocks of a section, in order."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    found: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """What `make run` runs, when it is up; `demo.env` lies in its folder."""
    process = subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("export PATH="):
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def test_make_run_is_the_demo() -> None:
    assert re.search(r"^run: .*\n\t\$\(BIN\)/buuta demo$", MAKEFILE, re.MULTILINE)
    assert "make run " in blocks("Two commands")[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.timeout(300)
def test_the_readmes_first_parcel_is_delivered_on_its_page_and_one_sms_tells_it(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    first, second = blocks("Your first parcel")
    said = subprocess.run(
        ["sh", "-e", "-c", "\n".join([first, ON_ITS_PAGE, RECEIVED, second, LAST, "echo; echo $PORTAL $INBOX"])],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert "registration_id" in said.stdout
    assert said.stdout.count('"result":"accepted"') == 4
    assert "the time is not ISO 8601" in said.stdout
    portal, inbox = said.stdout.split()[-2:]
    assert "Đã giao" in httpx.get(f"{portal}/t/ghn/Z82BS").text
    [sms] = httpx.get(f"{inbox}.json", params={"to": "0912345678"}).json()
    assert (sms["channel"], sms["sender"], sms["segments"]) == ("sms", "BUUTA", 1)
    assert "Z82BS da giao" in sms["text"]
    assert f"{portal}/t/ghn/Z82BS" in sms["text"]
    demo.send_signal(signal.SIGINT)
    _, rest = demo.communicate(timeout=200)
    assert "Nothing was lost or doubled." in rest, rest[-3000:]
    assert not (tmp_path / "demo.env").exists(), "the keys go with the demo"


def of_env(
    kafka: EmbeddedBroker, database: EmbeddedDatabase, mail: MailSink, sms: SmsSink, key: str
) -> str:
    """What a stranger writes into .env: where things are, and the key."""
    values = {
        "KAFKA": kafka.address, "KAFKA_IDEMPOTENCE": "false", "DATABASE": database.url, "MASTER_KEY": key,
        "SMTP_PORT": str(mail.port), "SMPP_PORT": str(sms.port), "SMPP_PASSWORD": "secret",
    }  # fmt: skip
    return "".join(f"BUUTA_{name}={value}\n" for name, value in values.items())


async def typed(script: str, folder: Path) -> tuple[int, str]:
    """Run a block as it stands; `buuta` is that of this tree."""
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", script, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={"PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, _ = await shell.communicate()
    return shell.returncode or 0, said.decode()


async def test_running_it_for_real_works_as_it_is_written(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    buuta = tmp_path / "buuta"
    buuta.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from buuta.cli.main import main; main()' \"$@\"\n"
    )
    buuta.chmod(0o755)
    first, second = blocks("Running it for real")
    code, said = await typed(first.replace(". .venv/bin/activate\n", ""), tmp_path)
    assert code == 0, said
    mail, sms = MailSink(), SmsSink()
    broker, database = EmbeddedBroker(tmp_path), EmbeddedDatabase(durable=False)
    mail.start()
    await sms.start()
    try:
        with (tmp_path / ".env").open("a") as env:
            env.write(of_env(broker, database, mail, sms, said.split()[-1]))
        code, said = await typed(second, tmp_path)
    finally:
        mail.stop()
        await sms.stop()
        database.close()
        broker.stop()
    assert code == 0, said
    assert "webhook token  bw_" in said
    assert "API key  bs_" in said
    assert re.search(r"^0 missing, \d+ worth a look, \d+ ok\.$", said, re.MULTILINE), said


@pytest.mark.parametrize("service", ["ingest", "portal", "tracker", "notifier"])
def test_the_readmes_ports_are_those_of_the_services(service: str) -> None:
    [kind] = [each for each in KINDS if each.__name__.lower() == f"{service}settings"]
    [(public, operations)] = re.findall(
        rf"^\| `buuta {service}` \| (\d*) ?\| (\d+) \|", README, re.MULTILINE
    )
    own = kind()
    assert operations == str(own.operations_port)
    assert public == (str(own.port) if "port" in kind.listening_ports else "")


def test_every_command_that_the_readme_names_exists() -> None:
    known = {name for name, _ in every(Commands())} | {"ingest file", "ingest watch"}
    for line in re.findall(r"`(buuta [^`]+)`", README) + re.findall(r"^buuta .*", README, re.MULTILINE):
        words = line.split()[1:]
        assert " ".join(words[:3]) in known or " ".join(words[:2]) in known or words[0] in known, line


def every(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in dict(group).items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from every(command.commands, f"{before}{name} ")
