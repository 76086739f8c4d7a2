"""What guards have found."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A rule that was broken: which, where (`file:function`), how, and the stack."""

    rule: str
    where: str
    how: str
    stack: Sequence[str] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.rule}: {self.where}: {self.how}", *self.stack])


class Findings:
    """What was found since it was last taken; other threads add to it."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Note one more."""
        self._found.append(finding)

    def take(self) -> list[Finding]:
        """All that was found, and forget it."""
        found = self._found[:]
        del self._found[: len(found)]
        return found
