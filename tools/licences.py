"""Hold the licences of what runs with Buuta against its policy. `make check` runs it.

Buuta is Apache-2.0 and shipped with what it imports. So nothing that it needs at run time, or for the demo, may be
under the GPL or AGPL; the LGPL and the MPL are allowed, since we link to such libraries unchanged and they can be
replaced. Tools of development (the extra `dev`) are not shipped. A package that names no licence must be looked at.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"
REFUSED: Final = re.compile(r"\bA?GPL|General Public Licen[sc]e", re.IGNORECASE)
ALLOWED: Final = re.compile(r"(Lesser|Library) General Public Licen[sc]e|\bLGPL[\w.-]*", re.IGNORECASE)
CHOICE: Final = re.compile(r"\s+OR\s+")
CLASSIFIER: Final = "License :: "
LOOKED_AT: Final[Mapping[str, str]] = {"aiosmpplib": "MIT", "pyruhvro": "MIT"}
"""Licences of packages whose metadata name none, as the licence's text beside them says."""


def licence_of(package: Distribution) -> str:
    """What a package's metadata say of its licence; nothing where they say nothing."""
    said = package.metadata.json
    if "license_expression" in said:
        return str(said["license_expression"])
    classifiers = said.get("classifier", [])
    classified = [each.removeprefix(CLASSIFIER) for each in classifiers if each.startswith(CLASSIFIER)]
    text = str(said.get("license", "")).strip().splitlines()
    return " AND ".join(classified) or (text[0] if text else "")


def is_refused(licence: str) -> bool:
    """Whether a licence may not be shipped; of `A OR B` the better one counts."""
    return all(REFUSED.search(ALLOWED.sub("", each)) for each in CHOICE.split(licence))


def shipped() -> Iterator[Distribution]:
    """Everything that Buuta needs at run time and for the demo, as it is installed here."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    waiting, seen = [Requirement(each) for each in direct], set[str]()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        yield package
        needs = map(Requirement, package.requires or ())
        waiting += [each for each in needs if _applies(each, ("", *wanted.extras))]


def _applies(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": each}) for each in extras)


def faults() -> list[str]:
    """A sentence for each shipped package whose licence is refused or unknown."""
    found = []
    for package in shipped():
        name = canonicalize_name(package.name)
        licence = licence_of(package) or LOOKED_AT.get(name, "")
        if not licence:
            found.append(f"{name} {package.version} names no licence: look, and write it into LOOKED_AT")
        elif is_refused(licence):
            found.append(f"{name} {package.version} is under {licence}, which may not be shipped")
    return sorted(found)


def main() -> int:
    """Print what is wrong; returns the exit code."""
    wrong = faults()
    print("\n".join(wrong) or f"The licences of {sum(1 for _ in shipped())} packages are fine.")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
