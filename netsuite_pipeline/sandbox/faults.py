"""Failures on demand: what can go wrong, and the queue that decides which request it happens to.

How a failure is put on the wire is decided in `delivery`.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from netsuite_pipeline.sandbox.engine import Row


class FaultKind(StrEnum):
    """Every failure the sandbox can produce."""

    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    TOO_MANY_REQUESTS = "429"
    INTERNAL_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    HANG = "hang"
    RESET = "reset"
    RESET_MIDWAY = "reset_midway"
    EMPTY = "empty"
    EMPTY_BODY = "empty_body"
    TRUNCATED = "truncated"
    DROP_KEY = "drop_key"
    EXTRA_COLUMN = "extra_column"
    REPLACE = "replace"
    DUPLICATE_ROW = "duplicate_row"
    DROP_ROW = "drop_row"


class Endpoint(StrEnum):
    """Which requests a fault waits for."""

    QUERY = "query"
    TOKEN = "token"  # noqa: S105 - a name, not a secret
    SYSTEM = "system"


_NEED_COLUMN = {FaultKind.DROP_KEY, FaultKind.EXTRA_COLUMN, FaultKind.REPLACE}


@dataclass
class Fault:
    """One scripted failure.

    It lets `skip` matching requests pass, then hits `times` of them (None: until cleared). A request matches
    if its SQL (at a system endpoint: its path) contains `match`, regardless of letter case. `row` counts from 0
    in the page that is answered; `column` and `value` are for the kinds that change rows (value None drops the
    key); `seconds` is how long a hang lasts; `retry_after` is sent with a 429 or 503 as it is.
    """

    kind: FaultKind
    times: int | None = 1
    match: str | None = None
    skip: int = 0
    endpoint: Endpoint = Endpoint.QUERY
    seconds: float = 30.0
    retry_after: str | None = None
    row: int = 0
    column: str | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        self.kind, self.endpoint = FaultKind(self.kind), Endpoint(self.endpoint)
        if self.times is not None and self.times < 1:
            raise ValueError(f"A fault happens at least once, not {self.times} times.")
        if self.skip < 0 or self.seconds < 0 or self.row < 0:
            raise ValueError("skip, seconds and row of a fault must not be negative.")
        if self.kind in _NEED_COLUMN and not self.column:
            raise ValueError(f"A fault of kind {self.kind.value} needs a column.")

    def change(self, rows: list[Row]) -> list[Row]:
        """The rows as this fault leaves them; unchanged if it is of another kind or the row does not
        exist.
        """
        if self.row >= len(rows):
            return rows
        if self.kind is FaultKind.DUPLICATE_ROW:
            return [*rows[: self.row + 1], dict(rows[self.row]), *rows[self.row + 1 :]]
        if self.kind is FaultKind.DROP_ROW:
            return [*rows[: self.row], *rows[self.row + 1 :]]
        if self.kind not in _NEED_COLUMN or self.column is None:
            return rows
        changed = dict(rows[self.row])
        if self.kind is FaultKind.DROP_KEY or self.value is None:
            changed.pop(self.column, None)
        else:
            changed[self.column] = self.value
        return [*rows[: self.row], changed, *rows[self.row + 1 :]]


class FaultQueue:
    """Scripted faults in order; a request takes the first that matches. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._delivered: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults that have not happened yet."""
        with self._lock:
            self._waiting.clear()

    def take(self, endpoint: Endpoint, sql: str = "") -> Fault | None:
        """The fault that hits this request, if any."""
        with self._lock:
            for fault in self._waiting:
                if fault.endpoint is not endpoint or (fault.match or "").lower() not in sql.lower():
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                self._delivered[fault.kind.value] += 1
                return fault
        return None

    @property
    def delivered(self) -> dict[str, int]:
        """How often each kind has happened."""
        with self._lock:
            return dict(self._delivered)

    @property
    def waiting(self) -> int:
        """How many faults have not finished yet."""
        with self._lock:
            return len(self._waiting)
