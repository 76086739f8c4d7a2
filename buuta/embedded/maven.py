"""Fetching Java programs from Maven Central into a cache of the user's, once."""

import fcntl
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

CACHE: Final = Path.home() / ".cache" / "buuta"


@cache
def available() -> bool:
    """Whether Java and Maven are on this machine."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


def fetch(pom: Path, name: str) -> Path:
    """The folder with a pom's dependencies; fetched by Maven the first time, by one process of those that ask."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _copy(pom, folder)
            (folder / "complete").touch()
    return folder


def _copy(pom: Path, folder: Path) -> None:
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies"]
    subprocess.run([*command, f"-DoutputDirectory={folder}"], check=True, stdout=subprocess.DEVNULL)


@cache
def java_of_at_least(version: int) -> str | None:
    """The path of a Java of this version or a newer one; None where there is none."""
    found = [shutil.which("java"), *map(str, Path("/usr/lib/jvm").glob("*/bin/java"))]
    return next((path for path in found if path and _version(path) >= version), None)


def _version(java: str) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "([0-9]+)', told)
    return int(match[1]) if match else 0
