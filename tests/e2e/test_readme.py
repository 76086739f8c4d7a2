"""The README's first scans, typed as they stand there, while the demo plays."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.waiting import until

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
DEMO = [sys.executable, "-c", "from buuta.cli.main import main; main()", "demo"]
VARIABLES = {
    "VNP": "VNPost's API key", "GHN": "GHN's webhook token", "GHTK": "GHTK's webhook token",
    "SHOP": "Shop's API key",
}  # fmt: skip
PAGES = ("ghn/Z82BS", "S1.A1.17373471", "vnp/EJ012345678VN")


def started() -> tuple[subprocess.Popen[str], dict[str, str]]:
    """A playing demo, and the keys that it prints."""
    demo = subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    printed = ""
    for line in demo.stderr:
        printed += line
        if VARIABLES["SHOP"] in line:
            break
    keys = {name: re.search(rf"{label}\s+(\S+)", printed) for name, label in VARIABLES.items()}
    return demo, {name: found[1] for name, found in keys.items() if found}


async def appear(paths: tuple[str, ...]) -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:8082/t/", follow_redirects=True) as client:

        async def all_there() -> bool:
            return all([(await client.get(path)).status_code == 200 for path in paths])

        await until(all_there, "the README's parcels on their tracking pages")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.timeout(300)
def test_the_readmes_first_scans_appear_on_their_tracking_pages_and_the_demo_still_balances() -> None:
    [script] = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "curl" in block]
    demo, keys = started()
    try:
        answers = subprocess.run(
            ["sh", "-e", "-c", script], env=keys | {"PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        asyncio.run(appear(PAGES))
    finally:
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=200)
    assert answers.count('"result":"accepted"') == 3
    assert "the time is not ISO 8601" in answers
    assert "registration_id" in answers
    assert "Nothing was lost or doubled." in rest, rest[-3000:]
