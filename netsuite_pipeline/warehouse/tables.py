"""The tables: those of the imported records, from their declarations, and the import's own bookkeeping.

Only definitions; `warehouse.schema` creates and verifies them. The tables of the wave coordination are in
`waves.tables`.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.warehouse.row_size import columns_to_unbound

BOOKKEEPING = ("record_type", "row_hash", "imported_at", "deleted_at")
# Marks a table of the metadata as somebody else's: it is neither created nor changed.
ADOPTED = "adopted"
REJECTS = "import_rejects"
REPAIRS = "value_repairs"
LEDGER = "batch_ledger"
TURNS = "commit_turns"
WATERMARKS = "batch_watermarks"
NOTED_DELETIONS = "noted_deletions"
REFUSED_LOGINS = "refused_logins"
COLUMN_PROBES = "column_probes"
MISSING_COLUMNS = "missing_columns"

# TEXT holds this many bytes; utf8mb4 takes up to four for a character.
_TEXT_BYTES = 65_535
_BYTES_PER_CHARACTER = 4

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}

HASH = sa.BINARY(16).with_variant(sa.LargeBinary(16), "sqlite")
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """DECIMAL(precision, scale); on SQLite text, because its numbers are binary floating point."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Text on SQLite, DECIMAL elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """Plain digits on SQLite: no exponent."""
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """A Decimal on every database."""
        return Decimal(value) if value is not None and dialect.name == "sqlite" else value


def target_metadata(record_types: Iterable[RecordType]) -> sa.MetaData:
    """One table per target table of the record types; types that share a table merge their columns.

    Column order is key, external_id, the fields as declared, the derived ones, bookkeeping. CatalogError when a row
    would exceed a limit of MySQL's (`warehouse.row_size`). Every table has the natural key as
    its primary key and no auto-increment: upserts would burn its values.
    """
    merged: dict[str, tuple[RecordType, dict[str, Field]]] = {}
    for record_type in record_types:
        _, fields = merged.setdefault(record_type.table, (record_type, {}))
        for field in record_type.value_fields:
            fields.setdefault(field.name, field)
    metadata = sa.MetaData()
    for name, (first, fields) in merged.items():
        if first.adopted:
            _adopted_table(metadata, name, key=first.key, fields=tuple(fields.values()))
        else:
            _target_table(metadata, name, key=first.key, fields=tuple(fields.values()))
    return metadata


def state_table_name(table: str) -> str:
    """The table that holds what imports know of the rows of an adopted table."""
    return f"{table}_import_state"


def import_tables(metadata: sa.MetaData) -> sa.MetaData:
    """Adds the tables that imports keep for themselves to the metadata and returns it."""
    _rejects_table(metadata)
    _repairs_table(metadata)
    _ledger_table(metadata)
    _column_tables(metadata)
    _change_tables(metadata)
    sa.Table(TURNS, metadata, sa.Column("record_type", sa.String(64), primary_key=True), **_OPTIONS)
    sa.Table(
        REFUSED_LOGINS,
        metadata,
        # A digest: credentials themselves are stored nowhere.
        sa.Column("credentials", sa.String(64), primary_key=True),
        sa.Column("refused_at", MOMENT, nullable=False),
        **_OPTIONS,
    )
    return metadata


def utc_now() -> dt.datetime:
    """The time of bookkeeping columns: UTC, naive, to the microsecond."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _target_table(metadata: sa.MetaData, name: str, *, key: tuple[Field, ...], fields: tuple[Field, ...]) -> None:
    unbounded = columns_to_unbound(name, key + fields)
    sa.Table(
        name,
        metadata,
        *_key_columns(key),
        sa.Column("external_id", sa.String(64)),
        *(sa.Column(field.name, _type_of(field, unbounded=field.name in unbounded)) for field in fields),
        *_bookkeeping_columns(),
        **_OPTIONS,
    )


def _adopted_table(metadata: sa.MetaData, name: str, *, key: tuple[Field, ...], fields: tuple[Field, ...]) -> None:
    # The columns that it may have. Which it has, and what its primary key is, is known once it is looked at.
    sa.Table(
        name,
        metadata,
        *_key_columns(key),
        sa.Column("external_id", sa.String(64)),
        *(sa.Column(field.name, _type_of(field, unbounded=False)) for field in fields),
        info={ADOPTED: True},
        mysql_engine=_OPTIONS["mysql_engine"],
    )
    sa.Table(state_table_name(name), metadata, *_key_columns(key), *_bookkeeping_columns(), **_OPTIONS)


def _key_columns(key: tuple[Field, ...]) -> list[sa.Column[Any]]:
    return [sa.Column(field.name, sa.BigInteger(), primary_key=True, autoincrement=False) for field in key]


def _bookkeeping_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("record_type", sa.String(64), nullable=False),
        sa.Column("row_hash", HASH, nullable=False),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
    ]


def _type_of(field: Field, *, unbounded: bool) -> TypeEngine[Any]:
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return sa.BigInteger()
        case Kind.BOOLEAN:
            return sa.Boolean()
        case Kind.DATE:
            return sa.Date()
        case Kind.DATETIME:
            # Named for MySQL too: Dagster gives every plain DateTime of the process six decimals there.
            return sa.DateTime().with_variant(mysql.DATETIME(), "mysql")
        case Kind.DECIMAL:
            return ExactDecimal(field.precision or 24, field.scale or 0)
        case Kind.TEXT:
            if field.length is None:
                return LONG_TEXT
            if not unbounded:
                return sa.String(field.length)
            fits = field.length * _BYTES_PER_CHARACTER <= _TEXT_BYTES
            return sa.Text().with_variant(mysql.TEXT(), "mysql") if fits else LONG_TEXT


def _rejects_table(metadata: sa.MetaData) -> None:
    sa.Table(
        REJECTS,
        metadata,
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("record_type", sa.String(64), nullable=False),
        # The natural key (`7` or `12:3`), or `sha256:…` of the payload where the row has none.
        sa.Column("row_key", sa.String(191), nullable=False),
        # Where in the id space the reject belongs: the row's own id, or its batch's first id.
        sa.Column("key_first", sa.BigInteger(), nullable=False),
        sa.Column("batch_first", sa.BigInteger(), nullable=False),
        sa.Column("batch_last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("field", sa.String(255)),
        sa.Column("detail", LONG_TEXT, nullable=False),
        sa.Column("error_code", sa.Integer()),
        sa.Column("payload", LONG_TEXT, nullable=False),
        sa.Column("job_id", sa.String(64)),
        sa.Column("run_id", sa.String(64)),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("resolved_at", MOMENT),
        sa.UniqueConstraint("record_type", "row_key", name="import_rejects_row"),
        sa.Index("import_rejects_open", "record_type", "resolved_at", "key_first"),
        sa.Index("import_rejects_job", "job_id"),
        **_OPTIONS,
    )


def _repairs_table(metadata: sa.MetaData) -> None:
    sa.Table(
        REPAIRS,
        metadata,
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("record_type", sa.String(64), nullable=False),
        sa.Column("row_key", sa.String(191), nullable=False),
        sa.Column("key_first", sa.BigInteger(), nullable=False),
        sa.Column("column_name", sa.String(64), nullable=False),
        sa.Column("repair", sa.String(32), nullable=False),
        # NULL is NetSuite's NULL.
        sa.Column("original", LONG_TEXT),
        sa.Column("stored", LONG_TEXT, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("repaired_at", MOMENT, nullable=False),
        sa.UniqueConstraint("record_type", "row_key", "column_name", name="value_repairs_value"),
        sa.Index("value_repairs_key", "record_type", "key_first"),
        **_OPTIONS,
    )


def _ledger_table(metadata: sa.MetaData) -> None:
    counts = (
        "expected",
        "fetched",
        "inserted",
        "updated",
        "unchanged",
        "deleted",
        "rejected",
        "requests",
        "retries",
    )
    measured = ("live_before", "live_after", "database_retries", "statements", "fallback_rows", "repaired")
    sa.Table(
        LEDGER,
        metadata,
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("record_type", sa.String(64), nullable=False),
        sa.Column("batch_key", sa.String(64), nullable=False),
        sa.Column("batch_first", sa.BigInteger(), nullable=False),
        sa.Column("batch_last", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(64)),
        sa.Column("run_id", sa.String(64)),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        *(
            sa.Column(name, sa.Double(), nullable=False)
            for name in ("api_seconds", "transform_seconds", "database_seconds")
        ),
        sa.Column("committed_at", MOMENT, nullable=False),
        # NULL in the rows of versions that did not note it: a column that is added later has to allow it.
        sa.Column("read_at", MOMENT),
        *(sa.Column(name, sa.Integer()) for name in measured),
        sa.Column("peak_memory", sa.BigInteger()),
        # Only what changed since was read; NULL: all of the range.
        sa.Column("changed_since", sa.DateTime().with_variant(mysql.DATETIME(), "mysql")),
        sa.Index("batch_ledger_range", "record_type", "batch_first", "batch_last"),
        sa.Index("batch_ledger_job", "job_id"),
        sa.Index("batch_ledger_committed", "record_type", "committed_at"),
        **_OPTIONS,
    )


def _change_tables(metadata: sa.MetaData) -> None:
    sa.Table(
        WATERMARKS,
        metadata,
        sa.Column("record_type", sa.String(64), primary_key=True),
        sa.Column("batch_first", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("batch_last", sa.BigInteger(), primary_key=True, autoincrement=False),
        # By NetSuite's clock, UTC: what was modified before is in the table.
        sa.Column("watermark", MOMENT, nullable=False),
        # A digest of account and declaration: what was imported otherwise is read again.
        sa.Column("imported_as", sa.String(32), nullable=False),
        **_OPTIONS,
    )
    sa.Table(
        NOTED_DELETIONS,
        metadata,
        sa.Column("record_type", sa.String(64), primary_key=True),
        # A record of the type with this id may be gone; of lines, that of their transaction.
        sa.Column("refid", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("noted_at", MOMENT, nullable=False),
        **_OPTIONS,
    )


def _column_tables(metadata: sa.MetaData) -> None:
    sa.Table(
        COLUMN_PROBES,
        metadata,
        sa.Column("account", sa.String(64), primary_key=True),
        sa.Column("record_type", sa.String(64), primary_key=True),
        # A digest of what was asked for: of a declaration that changed since, nothing is known.
        sa.Column("declaration", sa.String(32), nullable=False),
        # NULL: the account has to be asked.
        sa.Column("probed_at", MOMENT),
        # The run that is asking just now, and since when.
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("claimed_at", MOMENT),
        **_OPTIONS,
    )
    sa.Table(
        MISSING_COLUMNS,
        metadata,
        sa.Column("account", sa.String(64), primary_key=True),
        sa.Column("record_type", sa.String(64), primary_key=True),
        sa.Column("column_name", sa.String(64), primary_key=True),
        sa.Column("source_column", LONG_TEXT, nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        **_OPTIONS,
    )
