"""What a table in the database accepts, beyond what its declaration says: read when it refuses rows.

NOT NULL, defaults, lengths, ranges, decimals, unique and foreign keys, as they are now. They tell which rows to try
alone and what may be repaired; whether a row is refused is always the database's decision (`warehouse.upsert`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.values import decimals_of
from netsuite_pipeline.warehouse.errors import Fault, fault_of
from netsuite_pipeline.warehouse.keys import slices
from netsuite_pipeline.warehouse.migration.shapes import Shape, shape_of
from netsuite_pipeline.warehouse.statements import Layout


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """What one column accepts. `default` is SQL text, None without one; `breaks` tells whether a value is too much.

    `length` is the most characters of a text, None without such a limit.
    """

    nullable: bool
    default: str | None
    length: int | None
    breaks: Callable[[Any], bool] | None


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns whose values must be in the columns of another table."""

    columns: tuple[str, ...]
    parent: sa.TableClause
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TableConstraints:
    """The constraints of the columns that a layout writes."""

    layout: Layout
    columns: Mapping[str, ColumnRule]
    unique: tuple[tuple[str, ...], ...]
    foreign: tuple[ForeignKey, ...]

    @classmethod
    def read(cls, connection: sa.Connection, layout: Layout) -> "TableConstraints":
        """Reads them in the transaction of the connection; a handful of statements."""
        inspector = sa.inspect(connection)
        name, written = layout.table.name, set(layout.positions)
        rules = {
            found["name"].lower(): _rule(found, connection.dialect)
            for found in inspector.get_columns(name)
            if found["name"].lower() in written
        }
        unique = {
            tuple(str(column).lower() for column in index["column_names"])
            for index in inspector.get_indexes(name)
            if index["unique"]
        }
        unique |= {tuple(map(str.lower, found["column_names"])) for found in inspector.get_unique_constraints(name)}
        foreign = tuple(
            ForeignKey(
                columns=tuple(map(str.lower, found["constrained_columns"])),
                parent=sa.table(
                    found["referred_table"],
                    *(sa.column(column) for column in found["referred_columns"]),
                    schema=found["referred_schema"],
                ),
                parent_columns=tuple(found["referred_columns"]),
            )
            for found in inspector.get_foreign_keys(name)
            if written.issuperset(map(str.lower, found["constrained_columns"]))
        )
        others = sorted(key for key in unique if key != layout.key and written.issuperset(key))
        return cls(layout=layout, columns=rules, unique=tuple(others), foreign=foreign)

    @property
    def defaults(self) -> dict[str, str]:
        """The columns that must not be NULL and have a default for it, with the default as SQL text."""
        return {
            name: rule.default for name, rule in self.columns.items() if not rule.nullable and rule.default is not None
        }

    @property
    def lengths(self) -> dict[str, int]:
        """The columns whose text may be cut, and after how many characters."""
        return {
            name: rule.length
            for name, rule in self.columns.items()
            if name in self.layout.truncatable and rule.length is not None
        }

    def suspects(self, connection: sa.Connection, rows: Sequence[Row]) -> dict[int, str]:
        """Places in `rows` that will most likely be refused, each with the column it is about."""
        found: dict[int, str] = {}
        for name, rule in self.columns.items():
            position = self.layout.positions[name]
            missing = not rule.nullable and rule.default is None
            for index, row in enumerate(rows):
                value = row.values[position]
                if missing if value is None else rule.breaks is not None and rule.breaks(value):
                    found.setdefault(index, name)
        for key in self.foreign:
            with _as_a_hint(connection):
                self._without_parent(connection, key, rows, found)
        for columns in self.unique:
            with _as_a_hint(connection):
                self._taken(connection, columns, rows, found)
        return found

    def _values(self, columns: Sequence[str], row: Row) -> tuple[Any, ...] | None:
        """The row's values in the columns; None if one of them is NULL, which no key compares."""
        values = tuple(row.values[self.layout.positions[name]] for name in columns)
        return None if None in values else values

    def _without_parent(
        self, connection: sa.Connection, key: ForeignKey, rows: Sequence[Row], found: dict[int, str]
    ) -> None:
        sent = {index: values for index, row in enumerate(rows) if (values := self._values(key.columns, row))}
        columns = [key.parent.c[name] for name in key.parent_columns]
        present = {
            tuple(map(_comparable, entry)) for entry in _matching(connection, columns, columns, set(sent.values()))
        }
        for index, values in sent.items():
            if tuple(map(_comparable, values)) not in present:
                found.setdefault(index, key.columns[0])

    def _taken(
        self, connection: sa.Connection, names: Sequence[str], rows: Sequence[Row], found: dict[int, str]
    ) -> None:
        sent = {index: values for index, row in enumerate(rows) if (values := self._values(names, row))}
        table = self.layout.table
        own = [table.c[name] for name in self.layout.key]
        columns = [table.c[name] for name in names]
        holders = {
            tuple(map(_comparable, entry[len(own) :])): tuple(entry[: len(own)])
            for entry in _matching(connection, [*own, *columns], columns, set(sent.values()))
        }
        often = Counter(tuple(map(_comparable, values)) for values in sent.values())
        for index, values in sent.items():
            compared = tuple(map(_comparable, values))
            holder = holders.get(compared)
            if often[compared] > 1 or (holder is not None and holder != self._values(self.layout.key, rows[index])):
                found.setdefault(index, names[0])


@contextmanager
def _as_a_hint(connection: sa.Connection) -> Iterator[None]:
    """Goes on without what the database does not answer, e.g. because a column has another character set."""
    savepoint = connection.begin_nested()
    try:
        yield
    except DBAPIError as error:
        if fault_of(error) is Fault.TRANSIENT:
            raise
        savepoint.rollback()
    else:
        savepoint.commit()


def _matching(
    connection: sa.Connection,
    selected: Sequence[sa.ColumnElement[Any]],
    columns: Sequence[sa.ColumnElement[Any]],
    values: set[tuple[Any, ...]],
) -> list[sa.Row[Any]]:
    found: list[sa.Row[Any]] = []
    ordered = sorted(values, key=repr)
    for part in slices(ordered):
        condition = sa.tuple_(*columns).in_(part) if len(columns) > 1 else columns[0].in_([value for (value,) in part])
        found.extend(connection.execute(sa.select(*selected).where(condition)).all())
    return found


def _comparable(value: Any) -> Any:
    # A guess at what a collation takes for the same: a wrong one costs a statement or two.
    return value.casefold().rstrip() if isinstance(value, str) else value


def _rule(found: ReflectedColumn, dialect: sa.Dialect) -> ColumnRule:
    shape = shape_of(found["type"], dialect)
    return ColumnRule(
        nullable=bool(found["nullable"]),
        default=found.get("default"),
        # SQLite takes a text of any length, whatever is declared.
        length=shape.surely[0] if _has_length(shape) and dialect.name != "sqlite" else None,
        breaks=_limit(shape),
    )


def _has_length(shape: Shape) -> bool:
    return shape.family in {"text", "padded text"} and shape.surely == shape.at_most


def _limit(shape: Shape) -> Callable[[Any], bool] | None:
    match shape.family:
        case "integer":
            lowest, highest = -shape.surely[0], shape.surely[1]
            return lambda value: not lowest <= value <= highest
        case "decimal":
            below, above, scale = -shape.surely[0], shape.surely[1], shape.surely[2]
            return lambda value: not below - 1 < value < above + 1 or decimals_of(Decimal(value)) > scale
        case "text" | "padded text" if shape.surely == shape.at_most:
            length = shape.surely[0]
            # SQLite keeps decimals as text.
            return lambda value: isinstance(value, str) and len(value) > length
        case "text":
            size = shape.at_most[0]
            return lambda value: isinstance(value, str) and len(value.encode()) > size
    return None
