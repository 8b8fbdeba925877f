"""Compares the warehouse with the sandbox's stored data value by value, without any of the pipeline's own reading.

The sandbox's rows are read from its SQLite file with the declaration's own source; no SuiteQL, HTTP, paging, counting
or conversion of the pipeline is involved.
"""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.netsuite.suiteql import source_of
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.sandbox.dataset import Dataset

_SHOWN = 5
_TRACKING_NUMBERS = next(
    field.source for field in CATALOG.get("item_fulfillment").fields if field.name == "tracking_numbers"
)
# What BUILTIN.DF shows for a column, as SQLite can say it.
_SHOWN_TEXT = {
    "BUILTIN.DF(job.entitystatus)": "(SELECT name FROM jobstatus WHERE id = job.entitystatus)",
    "BUILTIN.DF(charge.chargetype)": "(SELECT name FROM chargetype WHERE id = charge.chargetype)",
    # The order by id, which group_concat of older versions cannot be told.
    _TRACKING_NUMBERS: (
        "(SELECT group_concat(number, ', ') FROM (SELECT n.trackingnumber AS number FROM trackingnumbermap m"
        ' JOIN trackingnumber n ON n.id = m.trackingnumber WHERE m."transaction" = transaction.id ORDER BY n.id))'
    ),
}


def assert_exact(dataset: Dataset, engine: sa.Engine, record_type: RecordType) -> int:
    """Every record of the sandbox is a live row with equal values, or an open reject; returns how many are rejected."""
    expected = _sandbox_rows(dataset, record_type)
    found = _warehouse_rows(engine, record_type)
    rejected = _rejected_keys(engine, record_type)
    missing = sorted(expected.keys() - found.keys() - rejected)
    extra = sorted(found.keys() - expected.keys())
    twice = sorted(found.keys() & rejected)
    assert not missing, f"{record_type.name}: {len(missing)} lost, e.g. {missing[:_SHOWN]}"
    assert not extra, f"{record_type.name}: {len(extra)} that NetSuite does not have, e.g. {extra[:_SHOWN]}"
    assert not twice, f"{record_type.name}: {len(twice)} both loaded and rejected, e.g. {twice[:_SHOWN]}"
    names = [field.name for field in _compared(record_type)]
    for key, values in found.items():
        assert values == expected[key], f"{record_type.name} {key}: " + ", ".join(
            f"{name}: {mine!r} is not {theirs!r}"
            for name, mine, theirs in zip(names, values, expected[key], strict=True)
            if mine != theirs
        )
    return len(rejected)


def _compared(record_type: RecordType) -> list[Field]:
    """The columns that NetSuite and the table both have."""
    return [field for field in record_type.source_fields if field.stored]


def _sandbox_rows(dataset: Dataset, record_type: RecordType) -> dict[tuple[int, ...], tuple[Any, ...]]:
    source = record_type.source
    columns = ", ".join(
        field.source if field.is_expression or "." in field.source else f'"{source.table}"."{field.source}"'
        for field in _compared(record_type)
    )
    sql = f"SELECT {columns} FROM {source_of(record_type, columns)} WHERE {source.where or '1 = 1'}"
    for shown, text in _SHOWN_TEXT.items():
        sql = sql.replace(shown, text)
    # `transaction` is a word of SQLite's own.
    sql = re.sub(r'(?<!")\btransaction\b(?!")', '"transaction"', sql)
    rows = [
        tuple(_typed(field, value) for field, value in zip(_compared(record_type), row, strict=True))
        for row in dataset.connection().execute(sql)
    ]
    size = len(record_type.key)
    assert len({row[:size] for row in rows}) == len(rows)
    return {row[:size]: row for row in rows}


def _typed(field: Field, value: Any) -> Any:
    if value is None or value == "":
        return None
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return int(value)
        case Kind.DECIMAL:
            return Decimal(str(value))
        case Kind.BOOLEAN:
            return {"T": True, "F": False}[value]
        case Kind.DATE:
            return value[:10]
        case Kind.DATETIME:
            return f"{value} 00:00:00"[:19]
        case Kind.TEXT:
            return str(value)


def _warehouse_rows(engine: sa.Engine, record_type: RecordType) -> dict[tuple[int, ...], tuple[Any, ...]]:
    table = sa.Table(record_type.table, sa.MetaData(), autoload_with=engine)
    fields = _compared(record_type)
    live = (table.c.deleted_at.is_(None), table.c.record_type == record_type.name)
    query = sa.select(*(table.c[field.name] for field in fields)).where(*live)
    with engine.connect() as connection:
        rows = [
            tuple(_plain(field, value) for field, value in zip(fields, row, strict=True))
            for row in connection.execute(query)
        ]
    size = len(record_type.key)
    assert len({row[:size] for row in rows}) == len(rows), f"{record_type.name}: rows are doubled"
    return {row[:size]: row for row in rows}


def _plain(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.kind is Kind.DECIMAL:
        return Decimal(str(value))
    if field.kind is Kind.BOOLEAN:
        return bool(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date) else value


def _rejected_keys(engine: sa.Engine, record_type: RecordType) -> set[tuple[int, ...]]:
    query = sa.text("SELECT row_key FROM import_rejects WHERE record_type = :name AND resolved_at IS NULL")
    with engine.connect() as connection:
        keys = connection.execute(query, {"name": record_type.name}).scalars()
        return {tuple(int(part) for part in key.split(":")) for key in keys}
