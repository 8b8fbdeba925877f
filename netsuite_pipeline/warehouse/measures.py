"""What a load costs besides time: statements sent and memory taken. They are kept in `ledger`."""

import resource
import sys
from typing import Any

import sqlalchemy as sa

# Linux counts in KiB, macOS in bytes (getrusage(2) of each).
_UNIT = 1 if sys.platform == "darwin" else 1024


class StatementCount:
    """Counts the statements of the connections it watches; one that carries many rows counts once.

    BEGIN and COMMIT are the driver's and not counted, savepoints are.
    """

    def __init__(self) -> None:
        self.sent = 0

    def watch(self, connection: sa.Connection) -> None:
        """Counts from now on, for as long as the connection is held."""
        sa.event.listen(connection, "before_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        self.sent += 1


def peak_memory() -> int:
    """The largest resident size that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
