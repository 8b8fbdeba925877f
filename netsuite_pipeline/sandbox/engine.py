"""Run compiled SuiteQL on the dataset: pages, totals, the 100,000-row rule and the shape of a row.

HTTP is `app`'s business. Pages without ORDER BY start somewhere else in every request, so that a client that
pages them repeats and skips rows, as Oracle warns (help section_157960586441).
"""

import itertools
import random
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from netsuite_pipeline.sandbox.availability import Availability
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.dates import DateFormat
from netsuite_pipeline.sandbox.errors import invalid_parameter
from netsuite_pipeline.sandbox.expressions import TEMPORAL, Context
from netsuite_pipeline.sandbox.numbers import number_text
from netsuite_pipeline.sandbox.statements import Statement, compile_statement

Row = dict[str, object]
# Both behaviours past the ceiling are reported and neither is documented: `silent` ends, `error` answers 400.
PastCeiling = Literal["silent", "error"]
MAX_ROWS = 100_000
MAX_PAGES = 1_000
_CACHED_TOTALS = 512


@dataclass(frozen=True)
class Page:
    """One page of a query; `total` counts the whole query, not only what can be paged to."""

    items: list[Row]
    total: int
    has_more: bool


@dataclass
class Engine:
    """Queries over one dataset. Thread-safe."""

    dataset: Dataset
    availability: Availability = field(default_factory=Availability)
    date_format: DateFormat = field(default_factory=DateFormat)
    past_ceiling: PastCeiling = "silent"
    seed: int = 1

    def __post_init__(self) -> None:
        self._requests = itertools.count()
        self._totals: OrderedDict[object, int] = OrderedDict()
        self._lock = threading.Lock()

    def query(self, sql: str, *, limit: int, offset: int, bound: Sequence[object] = ()) -> Page:
        """The rows `offset`..`offset + limit`; NetSuiteFault 400 for a query that cannot be run."""
        context = Context(self.availability, self.date_format, self.dataset.zone.key)
        statement = compile_statement(sql, bound, context)
        ceiling = min(MAX_ROWS, MAX_PAGES * limit)
        if offset >= ceiling and self.past_ceiling == "error":
            raise invalid_parameter(
                f"Invalid offset: a query returns at most {ceiling} rows. Narrow the query.",
                parameter="offset",
            )
        reachable = max(0, min(limit, ceiling - offset))
        rows, total = self._rows(statement, reachable, offset)
        ends_at = ceiling if self.past_ceiling == "silent" else total
        has_more = offset + limit < min(total, ends_at)
        return Page(self._shaped(statement, rows), total, has_more)

    def _rows(self, statement: Statement, limit: int, offset: int) -> tuple[list[tuple[object, ...]], int]:
        available = None if statement.limit is None else max(0, statement.limit - offset)
        wanted = limit if available is None else min(limit, available)
        if statement.ordered or statement.one_row:
            rows = self._slice(statement, wanted, offset)
            if offset == 0 and len(rows) < limit:
                return rows, len(rows)
            return rows, self._total(statement)
        total = self._total(statement)
        generator = random.Random(f"{self.seed}:{next(self._requests)}")  # noqa: S311 - a reproducible shuffle
        if statement.limit is None and total > limit and offset < total:
            start = (offset + generator.randrange(total)) % total
            count = min(wanted, total - offset)
            rows = self._slice(statement, count, start)
            if len(rows) < count:
                rows += self._slice(statement, count - len(rows), 0)
        else:
            rows = self._slice(statement, wanted, offset)
        generator.shuffle(rows)
        return rows, total

    def _slice(self, statement: Statement, count: int, offset: int) -> list[tuple[object, ...]]:
        if count <= 0:
            return []
        cursor = self.dataset.connection().execute(
            f"{statement.sql} LIMIT {count} OFFSET {offset}", dict(statement.parameters)
        )
        return cursor.fetchall()

    def _total(self, statement: Statement) -> int:
        key = (statement.sql, tuple(statement.parameters.items()), self.dataset.version)
        with self._lock:
            known = self._totals.get(key)
        if known is None:
            cursor = self.dataset.connection().execute(
                f"SELECT COUNT(*) FROM ({statement.sql})", dict(statement.parameters)
            )
            known = int(cursor.fetchone()[0])
            with self._lock:
                self._totals[key] = known
                if len(self._totals) > _CACHED_TOTALS:
                    self._totals.popitem(last=False)
        return known if statement.limit is None else min(known, statement.limit)

    def _shaped(self, statement: Statement, rows: list[tuple[object, ...]]) -> list[Row]:
        """NetSuite's rows: `links` first, every value a string, NULL and '' left out."""
        names = list(statement.columns)
        dates = [index for index, column in enumerate(statement.columns.values()) if column.kind in TEMPORAL]
        shaped = []
        for values in rows:
            if dates:
                cells = list(values)
                for index in dates:
                    cell = cells[index]
                    cells[index] = self.date_format.render(cell) if isinstance(cell, str) else cell
                values = tuple(cells)
            row: Row = {"links": []}
            for name, value in zip(names, values, strict=True):
                # The hot loop of the server: most cells are text, NULL or a whole number, in this order.
                if value.__class__ is str:
                    if value:
                        row[name] = value
                elif value.__class__ is int:
                    row[name] = str(value)
                elif isinstance(value, float):
                    row[name] = number_text(value)
            shaped.append(row)
        return shaped
