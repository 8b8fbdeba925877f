"""Values that are stored otherwise than NetSuite sent them, and the table `value_repairs` that says so of each.

Two repairs exist: the column's default for a NULL that it does not take, and text that is cut where its declaration
allows it. Everything else that a table does not take rejects the row.
"""

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange, Key
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.constraints import ColumnRule, TableConstraints
from netsuite_pipeline.warehouse.keys import slices
from netsuite_pipeline.warehouse.tables import REPAIRS

_CHARACTERS = 50_000


class RepairKind(StrEnum):
    """What was done to a value."""

    DEFAULT_FOR_NULL = "default_for_null"
    TRUNCATED = "truncated"


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One value. `original` is None for NULL; `stored` is the text that is left, or the default as SQL text."""

    key: Key
    column: str
    kind: RepairKind
    original: str | None
    stored: str


@dataclass(frozen=True, kw_only=True)
class StoredRepair:
    """What `value_repairs` knows of one value."""

    column: str
    kind: RepairKind
    stored: str

    def _is(self, rule: ColumnRule) -> bool:
        return not rule.nullable and _shown(rule.default) == self.stored

    def is_outdated(self, constraints: TableConstraints) -> bool:
        """Whether the table has changed since: today the value would be stored as it was sent, or otherwise."""
        if self.kind is RepairKind.DEFAULT_FOR_NULL:
            rule = constraints.columns.get(self.column)
            # Without a default any more the row would be refused, and lost what it has.
            return rule is not None and (rule.nullable or rule.default is not None) and not self._is(rule)
        length = constraints.lengths.get(self.column)
        return length is None or len(self.stored) < min(length, _CHARACTERS)


def repaired_rows(rows: Sequence[Row], constraints: TableConstraints) -> tuple[list[Row], list[Repair]]:
    """The rows with their texts cut where that is allowed, and all repairs; the hash stays that of what was sent.

    The default of a column takes the place of NULL in the statement itself (`UpsertBuilder.chunks`).
    """
    positions = constraints.layout.positions
    repairs = [
        Repair(key=row.key, column=name, kind=RepairKind.DEFAULT_FOR_NULL, original=None, stored=default)
        for name, default in constraints.defaults.items()
        for row in rows
        if row.values[positions[name]] is None
    ]
    repaired = list(rows)
    for name, length in constraints.lengths.items():
        position = positions[name]
        for index, row in enumerate(repaired):
            text = row.values[position]
            if text is not None and len(text) > length:
                cut = text[:length]
                values = (*row.values[:position], cut, *row.values[position + 1 :])
                repaired[index] = replace(row, values=values)
                repairs.append(Repair(key=row.key, column=name, kind=RepairKind.TRUNCATED, original=text, stored=cut))
    return repaired, repairs


def stored_repairs(
    connection: sa.Connection, metadata: sa.MetaData, *, record_type: str, batch: BatchRange
) -> dict[Key, list[StoredRepair]]:
    """The repaired rows of a batch; an index range, which is empty as long as nothing is ever repaired."""
    table = metadata.tables[REPAIRS]
    query = sa.select(table.c.row_key, table.c.column_name, table.c.repair, table.c.stored).where(
        table.c.record_type == record_type, table.c.key_first.between(batch.first, batch.last)
    )
    found: dict[Key, list[StoredRepair]] = {}
    for name, column, kind, stored in connection.execute(query):
        repair = StoredRepair(column=column, kind=RepairKind(kind), stored=stored)
        found.setdefault(tuple(map(int, name.split(":"))), []).append(repair)
    return found


def store_repairs(
    connection: sa.Connection,
    metadata: sa.MetaData,
    repairs: Sequence[Repair],
    *,
    record_type: str,
    former: Mapping[Key, object],
    written: Set[Key],
    run_id: str | None,
    now: dt.datetime,
) -> None:
    """Makes the repairs of the rows that were `written` exactly the given ones, in the caller's transaction.

    `former` are the rows that have repairs now.
    """
    table = metadata.tables[REPAIRS]
    for part in slices(sorted(row_key_of(key) for key in written & former.keys())):
        connection.execute(table.delete().where(table.c.record_type == record_type, table.c.row_key.in_(part)))
    if repairs:
        same = {"record_type": record_type, "run_id": run_id, "repaired_at": now}
        connection.execute(table.insert(), [_repair_row(repair) | same for repair in repairs])


def _repair_row(repair: Repair) -> dict[str, Any]:
    return {
        "row_key": row_key_of(repair.key),
        "key_first": repair.key[0],
        "column_name": repair.column,
        "repair": str(repair.kind),
        "original": _shown(repair.original),
        "stored": _shown(repair.stored),
    }


def _shown(text: str | None) -> str | None:
    # A statement has to fit max_allowed_packet.
    if text is None or len(text) <= _CHARACTERS:
        return text
    return f"{text[:_CHARACTERS]}… ({len(text)} characters)"


def row_key_of(key: Key) -> str:
    """`7` or `12:3`, as in `import_rejects`."""
    return ":".join(map(str, key))
