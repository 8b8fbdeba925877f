"""Counters of what the sandbox was asked and what it answered. Nothing here decides anything."""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

_RECENT_QUERIES = 10_000


class Stats:
    """Requests by path and status, queries, and how many ran at once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_flight = 0
        self.peak_in_flight = 0
        self._reset()

    def reset(self) -> None:
        """Start counting again; requests in flight stay counted."""
        with self._lock:
            self._reset()

    def answered(self, path: str, status: int) -> None:
        """Count one answer."""
        with self._lock:
            self._answers[path, status] += 1

    def queried(self, sql: str) -> None:
        """Remember one query."""
        with self._lock:
            self.total_queries += 1
            self._queries.append(sql)

    def served(self, rows: int) -> None:
        """Count rows that were answered."""
        with self._lock:
            self.rows += rows

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Count a request in flight; yields how many there are with it."""
        with self._lock:
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            count = self.in_flight
        try:
            yield count
        finally:
            with self._lock:
                self.in_flight -= 1

    @property
    def queries(self) -> list[str]:
        """The latest queries, oldest first."""
        with self._lock:
            return list(self._queries)

    def snapshot(self) -> dict[str, object]:
        """All counters, for JSON."""
        with self._lock:
            by_path: dict[str, dict[str, int]] = {}
            for (path, status), count in sorted(self._answers.items()):
                by_path.setdefault(path, {})[str(status)] = count
            return {
                "requests": by_path,
                "total_requests": sum(self._answers.values()),
                "total_queries": self.total_queries,
                "rows": self.rows,
                "in_flight": self.in_flight,
                "peak_in_flight": self.peak_in_flight,
            }

    def _reset(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._queries: deque[str] = deque(maxlen=_RECENT_QUERIES)
        self.total_queries = 0
        self.rows = 0
        self.peak_in_flight = self.in_flight
