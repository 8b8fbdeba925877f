"""Tables that people had before: what of a record type they have room for, and whether they can be written at all.

Such a table is never changed. It may have a primary key of its own beside a unique natural key, more columns and fewer
than the declaration; what it lacks is left out. `targets` says where the rest is kept, `writers` how rows get in.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Inspector
from sqlalchemy.engine.interfaces import ReflectedColumn

from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.engine import read_connection, shown
from netsuite_pipeline.warehouse.errors import SchemaError
from netsuite_pipeline.warehouse.migration.changes_table import edition_of
from netsuite_pipeline.warehouse.migration.shapes import shape_of
from netsuite_pipeline.warehouse.tables import target_metadata


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What an adopted table has.

    `columns` are the declared ones that it has, `lacking` those that it has not. `surrogate` is its own primary key,
    None if that is the natural key. `flags_deleted`: it has a column deleted_at, which is set for its owner too.
    """

    columns: frozenset[str]
    lacking: tuple[str, ...]
    surrogate: str | None
    flags_deleted: bool


def adoption_of(inspector: Inspector, table: sa.Table) -> Adoption:
    """Looks at the table in the database; SchemaError, one sentence, if rows cannot be written to it by their key."""
    where = f"{table.name} of {shown(inspector.engine.url)}, which ADOPT_TABLES names,"
    if not inspector.has_table(table.name):
        raise SchemaError(
            f"The table {where} does not exist: create it, or take it out of ADOPT_TABLES and it is created by itself."
        )
    found = {column["name"].lower(): column for column in inspector.get_columns(table.name)}
    key = [column.name for column in table.primary_key]
    primary = [name.lower() for name in inspector.get_pk_constraint(table.name)["constrained_columns"]]
    if primary != key and key not in _unique_keys(inspector, table.name):
        raise SchemaError(
            f"The table {where} has no unique key over ({', '.join(key)}), by which rows are found again: add one, e.g."
            f" CREATE UNIQUE INDEX {table.name}_{key[0]} ON {table.name} ({', '.join(key)})."
        )
    if primary != key and len(primary) != 1:
        raise SchemaError(
            f"The table {where} has the primary key ({', '.join(primary)}): only a single column, or the natural key"
            f" ({', '.join(key)}), can be worked with."
        )
    surrogate = None if primary == key else primary[0]
    if surrogate and (surrogate in table.columns or _family(inspector, found[surrogate]) != "integer"):
        raise SchemaError(
            f"The table {where} has the primary key {surrogate}: only a whole number of its own, or the natural key"
            f" ({', '.join(key)}), can be worked with."
        )
    _check_columns(inspector, table, found, surrogate=surrogate, where=where)
    moment = found.get("deleted_at")
    # What the table computes by itself cannot be filled.
    has = [column.name for column in table.columns if column.name in found and not found[column.name].get("computed")]
    return Adoption(
        columns=frozenset(has),
        lacking=tuple(column.name for column in table.columns if column.name not in has),
        surrogate=surrogate,
        flags_deleted=moment is not None
        and moment["nullable"]
        and not moment.get("computed")
        and _family(inspector, moment) in {"datetime", "timestamp"},
    )


def edition_for(engine: sa.Engine, record_type: RecordType) -> int:
    """The `RecordType.edition` of the table as it is now. WarehouseError."""
    return _edition_of_adopted(engine, record_type) if record_type.adopted else edition_of(engine, record_type.table)


def _edition_of_adopted(engine: sa.Engine, record_type: RecordType) -> int:
    """A number for the columns that the table has: with one more, equal values are another row."""
    lacking = ",".join(lacking_columns(engine, record_type))
    return int.from_bytes(blake2b(lacking.encode(), digest_size=4).digest())


def lacking_columns(engine: sa.Engine, record_type: RecordType) -> tuple[str, ...]:
    """The record type's columns that its table lacks because it is somebody else's; none if it is ours."""
    if not record_type.adopted:
        return ()
    table = target_metadata([record_type]).tables[record_type.table]
    with read_connection(engine) as connection:
        return adoption_of(sa.inspect(connection), table).lacking


def _unique_keys(inspector: Inspector, name: str) -> list[list[str | None]]:
    keys = [
        list(index["column_names"])
        for index in inspector.get_indexes(name)
        if index["unique"] and index.get("dialect_options", {}).get("sqlite_where") is None
    ]
    keys += [list(found["column_names"]) for found in inspector.get_unique_constraints(name)]
    return [[column.lower() if column else None for column in columns] for columns in keys]


def _check_columns(
    inspector: Inspector, table: sa.Table, found: dict[str, ReflectedColumn], *, surrogate: str | None, where: str
) -> None:
    for column in table.columns:
        there = found.get(column.name)
        if there and not there.get("computed") and not _takes(inspector, there, column):
            wanted = column.type.compile(dialect=inspector.dialect)
            raise SchemaError(
                f"The table {where} has the column {column.name} as {found[column.name]['type']}, which can change"
                f" values in silence; {wanted} is needed: change the column, or rename it and it is left out."
            )
    for name, there in found.items():
        filled = name in table.columns or there.get("autoincrement") is True
        needed = not there["nullable"] and there.get("default") is None and not there.get("computed")
        if needed and not filled and not _numbers_itself(inspector, name, surrogate):
            raise SchemaError(
                f"The table {where} has the column {name}, which must not be NULL, has no default and is not filled by"
                f" NetSuite: give it a default (ALTER TABLE {table.name} ALTER COLUMN {name} SET DEFAULT …)."
            )


def _numbers_itself(inspector: Inspector, name: str, surrogate: str | None) -> bool:
    # SQLite numbers an INTEGER PRIMARY KEY whatever it is called.
    return inspector.dialect.name == "sqlite" and name == surrogate


def _takes(inspector: Inspector, found: ReflectedColumn, declared: "sa.Column[Any]") -> bool:
    shape = shape_of(found["type"], inspector.dialect)
    if declared.primary_key:
        return shape.family == "integer"
    return shape.keeps(shape_of(declared.type, inspector.dialect))


def _family(inspector: Inspector, found: ReflectedColumn) -> str:
    return shape_of(found["type"], inspector.dialect).family
