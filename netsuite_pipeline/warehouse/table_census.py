"""Counts what the table has of a record type, of all ids or by buckets of them, as NetSuite's census counts records.

Reading only. How the two compare is decided in `waves.increments`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange, Key
from netsuite_pipeline.record_types.model import Field, RecordType
from netsuite_pipeline.warehouse.keys import matching, slices
from netsuite_pipeline.warehouse.tables import REJECTS
from netsuite_pipeline.warehouse.targets import Target


@dataclass(frozen=True, kw_only=True)
class TableCount:
    """Live rows, and the sums of the summed fields over them."""

    rows: int
    sums: tuple[Decimal, ...]

    def less(self, other: "TableCount") -> "TableCount":
        """What is left without the rows of `other`, which are among these."""
        sums = tuple(mine - theirs for mine, theirs in zip(self.sums, other.sums, strict=True))
        return TableCount(rows=self.rows - other.rows, sums=sums)


@dataclass(frozen=True, kw_only=True)
class TableCensus:
    """All live rows of a record type, their lowest and highest id (None without rows).

    `unloaded` are the ids of open rejects that have no live row, as often as there are such rejects: NetSuite counts
    them and the table does not have them.
    """

    first: int | None
    last: int | None
    count: TableCount
    unloaded: Mapping[int, int]


def table_census(
    connection: sa.Connection, metadata: sa.MetaData, target: Target, record_type: RecordType
) -> TableCensus:
    """One scan over the type's rows, and a look at its rejects."""
    key = target.keys[0]
    sums = _sums(connection, target, record_type.summed_fields)
    query = sa.select(sa.func.count(), sa.func.min(key), sa.func.max(key), *sums).select_from(target.rows)
    rows, first, last, *summed = connection.execute(query.where(*target.live(record_type.name))).one()
    return TableCensus(
        first=first,
        last=last,
        count=TableCount(rows=rows, sums=tuple(map(_decimal, summed))),
        unloaded=_unloaded(connection, metadata, target, record_type),
    )


def count_by_bucket(
    connection: sa.Connection, target: Target, record_type: RecordType, *, span: BatchRange, width: int
) -> dict[int, TableCount]:
    """The live rows in the span by the number of their bucket of `width` ids, from 0; buckets without rows left out."""
    key = target.keys[0]
    # Whole numbers by whole numbers: MySQL's `/` makes a decimal of four digits, which FLOOR may find rounded up.
    divide = "/" if connection.dialect.name == "sqlite" else "DIV"
    # With the precedence of a division, or what is divided would stand without parentheses.
    over = (key - sa.literal_column(str(span.first))).op(divide, precedence=8, return_type=sa.BigInteger())
    bucket = over(sa.literal_column(str(width)))
    sums = _sums(connection, target, record_type.summed_fields)
    query = (
        sa.select(bucket, sa.func.count(), *sums)
        .select_from(target.rows)
        .where(key.between(span.first, span.last), *target.live(record_type.name))
        .group_by(bucket)
    )
    return {
        number: TableCount(rows=rows, sums=tuple(map(_decimal, summed)))
        for number, rows, *summed in connection.execute(query)
    }


def count_by_id(
    connection: sa.Connection, target: Target, record_type: RecordType, ids: Sequence[int]
) -> dict[int, TableCount]:
    """The live rows of each of the ids that has any."""
    key = target.keys[0]
    sums = _sums(connection, target, record_type.summed_fields)
    found: dict[int, TableCount] = {}
    for some in slices(ids):
        query = (
            sa.select(key, sa.func.count(), *sums)
            .select_from(target.rows)
            .where(key.in_(some), *target.live(record_type.name))
            .group_by(key)
        )
        for id_, rows, *summed in connection.execute(query):
            found[id_] = TableCount(rows=rows, sums=tuple(map(_decimal, summed)))
    return found


def _unloaded(
    connection: sa.Connection, metadata: sa.MetaData, target: Target, record_type: RecordType
) -> Mapping[int, int]:
    rejects = metadata.tables[REJECTS].c
    query = sa.select(rejects.row_key).where(
        rejects.record_type == record_type.name, rejects.resolved_at.is_(None), rejects.row_key.not_like("sha256:%")
    )
    keys: list[Key] = [tuple(map(int, text.split(":"))) for text in connection.execute(query).scalars()]
    live: set[Key] = set()
    for some in slices(keys):
        columns = target.keys
        rows = sa.select(*columns).select_from(target.rows)
        found = connection.execute(rows.where(*matching(columns, some), *target.live(record_type.name)))
        live.update(tuple(row) for row in found)
    return Counter(key[0] for key in keys if key not in live)


def _sums(connection: sa.Connection, target: Target, fields: Sequence[Field]) -> list[sa.ColumnElement[Any]]:
    columns = (target.table.c[field.name] for field in fields)
    if connection.dialect.name == "sqlite":
        # Decimals are text there; what binary sums are worth is the comparison's business.
        return [sa.func.sum(sa.func.abs(sa.cast(column, sa.REAL)), type_=sa.Float()) for column in columns]
    return [sa.func.sum(sa.func.abs(column), type_=sa.Numeric()) for column in columns]


def _decimal(value: object) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))
