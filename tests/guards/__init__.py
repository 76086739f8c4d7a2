"""Guards that watch every test, and fail the one in which a service breaks a rule of the house.

- No event loop is blocked for more than 200 ms (`loop.py`).
- Nothing slow happens between the statements of a transaction (`transactions.py`).
- No connection is taken from a pool while one of that pool is held (`pools.py`).

They count processor time of the thread where they can, since the machine may be loaded with other work.
Whose fault it is, and what is exempt, says `blame.py`; what is known and not yet mended, `known.py`.
"""

from tests.guards.findings import Finding, Findings
from tests.guards.known import KNOWN, Known
from tests.guards.watch import Watch

__all__ = ["KNOWN", "Finding", "Findings", "Known", "Watch"]
