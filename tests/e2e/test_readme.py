"""The README's blocks, typed as they stand there and in their order, beside what `make run` runs."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

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
