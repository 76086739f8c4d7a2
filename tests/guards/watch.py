"""The guards together, as the test suite has them."""

from collections.abc import Sequence

from tests.guards.findings import Finding, Findings
from tests.guards.known import KNOWN, Known
from tests.guards.loop import LoopGuard
from tests.guards.pools import PoolGuard
from tests.guards.transactions import TransactionGuard


class Watch:
    """All guards over one process."""

    def __init__(self, known: Sequence[Known] = KNOWN) -> None:
        self.findings = Findings()
        self._known = known
        loops = LoopGuard(self.findings)
        self._guards = (loops, TransactionGuard(self.findings, loops), PoolGuard(self.findings))

    def install(self) -> None:
        """Watch from now on."""
        for guard in self._guards:
            guard.install()

    def remove(self) -> None:
        """Watch no longer."""
        for guard in reversed(self._guards):
            guard.remove()

    def verdict(self, test: str) -> str:
        """What is to be said against a test that has just ended; nothing if it is well."""
        found = self.findings.take()
        new = [str(finding) for finding in found if not self._is_known(finding)]
        mended = [
            f"{known.where} no longer breaks the rule ({known.rule}): take it out of tests/guards/known.py"
            for known in self._known
            if test.endswith(known.test)
            and not any((each.rule, each.where) == (known.rule, known.where) for each in found)
        ]
        return "\n\n".join([*new, *mended])

    def _is_known(self, finding: Finding) -> bool:
        return any((finding.rule, finding.where) == (known.rule, known.where) for known in self._known)
