"""The table behind the frames of a person's own asset: as the database has it, or designed for a first frame.

Tables of record types come from their declarations (`warehouse.tables`); here nothing is declared but the key. That
the values of a frame fit is made sure of in `frame_values`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_types import FrameKind, kind_of
from netsuite_pipeline.warehouse.migration.shapes import shape_of
from netsuite_pipeline.warehouse.migration.storage import other_storage_engine, storage_statement, view_names
from netsuite_pipeline.warehouse.tables import HASH, LONG_TEXT, MOMENT, ExactDecimal

ROW_HASH = "row_hash"
# What an index of MySQL's takes of a column in utf8mb4, whatever the row format.
_KEY_CHARACTERS = 191
# Room for the index's own ending within 64 characters.
_INDEX_NAME = 50
_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}

# Binary, so that keys that differ in case or accents are different keys on every database.
_KEY_TEXT = sa.String(_KEY_CHARACTERS).with_variant(
    mysql.VARCHAR(_KEY_CHARACTERS, charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
)
_TYPES: dict[FrameKind, TypeEngine[Any]] = {
    FrameKind.INTEGER: sa.BigInteger(),
    FrameKind.FLOAT: sa.Double(),
    FrameKind.BOOLEAN: sa.Boolean(),
    FrameKind.TEXT: LONG_TEXT,
    FrameKind.DATE: sa.Date(),
    FrameKind.DATETIME: MOMENT,
}
_SQLITE_DECIMAL = re.compile(r"DECIMAL_TEXT\((\d+), (\d+)\)")


class FrameDecimal(ExactDecimal):
    """ExactDecimal whose type on SQLite has a name of its own: no declaration tells it from text there."""

    cache_ok = True

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Text on SQLite, DECIMAL elsewhere."""
        if dialect.name == "sqlite":
            return _DecimalText(self.precision, self.scale)
        return super().load_dialect_impl(dialect)


class _DecimalText(sa.Text):
    def __init__(self, precision: int, scale: int) -> None:
        super().__init__()
        self.precision, self.scale = precision, scale


@compiles(_DecimalText)
def _decimal_text(element: _DecimalText, _compiler: Any, **_: Any) -> str:
    # SQLite keeps the digits because of the TEXT in it (sqlite.org/datatype3.html, "Determination Of Column Affinity").
    return f"DECIMAL_TEXT({element.precision}, {element.scale})"


def designed_table(
    target: FrameTarget, kinds: Mapping[str, FrameKind], decimals: Mapping[str, FrameDecimal]
) -> sa.Table:
    """The table for the first frame of an asset. `decimals` has the types of the columns of that kind."""
    table = sa.Table(target.table, sa.MetaData(), **_OPTIONS)
    for name, kind in kinds.items():
        in_key = name in target.key
        if in_key and kind is FrameKind.FLOAT:
            raise FrameError(
                f"Column {name} of the key of {target.asset} holds floating point numbers, which are not exact enough"
                " to tell rows apart: convert it to whole numbers, decimals or text."
            )
        bounded = kind is FrameKind.TEXT and (in_key or name == target.partition_column)
        column_type = _KEY_TEXT if bounded else decimals[name] if kind is FrameKind.DECIMAL else _TYPES[kind]
        table.append_column(sa.Column(name, column_type, nullable=not in_key, autoincrement=False))
    table.append_column(sa.Column(ROW_HASH, HASH, nullable=False))
    table.append_constraint(sa.PrimaryKeyConstraint(*target.key))
    if target.partition_column not in ("", target.key[0]):
        sa.Index(f"{target.table[:_INDEX_NAME]}_partition", table.c[target.partition_column])
    return table


def existing_table(connection: sa.Connection, name: str) -> sa.Table | None:
    """The table as the database has it, in the types of this package; None if there is none.

    `Column.info` says what type was `found`, and whether it is `exact`: stores every value of our type unchanged or
    refuses it aloud. FrameError for a view.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(name):
        return None
    if name in view_names(inspector):
        raise FrameError(f"{name} is a view, and frames are kept in tables: name another table.")
    dialect = connection.dialect
    decimals = _sqlite_decimals(connection, name)
    table = sa.Table(name, sa.MetaData(), **_OPTIONS)
    for column in inspector.get_columns(name):
        found = decimals.get(column["name"]) or column["type"]
        ours = _canonical(found, dialect)
        exact = kind_of(ours) is not FrameKind.OTHER and shape_of(found, dialect).keeps(shape_of(ours, dialect))
        info = {"found": str(found), "exact": exact}
        table.append_column(sa.Column(column["name"], ours, nullable=column["nullable"], info=info))
    table.append_constraint(sa.PrimaryKeyConstraint(*inspector.get_pk_constraint(name)["constrained_columns"]))
    if engine := other_storage_engine(inspector, table):
        table.info["storage"] = (engine, storage_statement(dialect, table))
    return table


def check_existing(table: sa.Table, target: FrameTarget, names: Collection[str]) -> None:
    """FrameError, in a sentence, if a frame with these columns cannot be kept in the table that is there."""
    where = f"Table {table.name}, which asset {target.asset} is to be kept in,"
    if "storage" in table.info:
        engine, statement = table.info["storage"]
        raise FrameError(f"{where} is stored by {engine}, which would keep a part of a frame that fails: {statement}.")
    key = [column.name for column in table.primary_key]
    if set(key) != set(target.key):
        has = f"the primary key ({', '.join(key)})" if key else "no primary key"
        raise FrameError(
            f"{where} has {has}, and the asset declares ({', '.join(target.key)}): change one of them, or name another"
            " table."
        )
    if ROW_HASH not in table.c or not issubclass(table.c[ROW_HASH].type.python_type, bytes):
        raise FrameError(
            f"{where} has no column {ROW_HASH} BINARY(16) and so was not made for frames: add the column, or name"
            " another table."
        )
    if lacking := [name for name in names if name not in table.c]:
        raise FrameError(
            f"{where} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)} of its frame: add what is missing"
            " to the table, or leave it out of the frame."
        )


def _sqlite_decimals(connection: sa.Connection, name: str) -> dict[str, FrameDecimal]:
    if connection.dialect.name != "sqlite":
        return {}
    query = sa.text("SELECT name, type FROM pragma_table_info(:name)")
    named = ((column, _SQLITE_DECIMAL.fullmatch(text)) for column, text in connection.execute(query, {"name": name}))
    return {column: FrameDecimal(int(match[1]), int(match[2])) for column, match in named if match}


def _canonical(found: TypeEngine[Any], dialect: sa.Dialect) -> TypeEngine[Any]:
    if isinstance(found, FrameDecimal):
        return found
    match shape_of(found, dialect).family:
        case "integer":
            flag = isinstance(found, sa.Boolean) or getattr(found, "display_width", None) == 1
            return sa.Boolean() if flag else sa.BigInteger()
        case "decimal" if isinstance(found, sa.Numeric) and dialect.name != "sqlite":
            return FrameDecimal(found.precision or 10, found.scale or 0)
        case "decimal" | "double" | "float":
            return sa.Double()
        case "text" | "padded text" | "list":
            length = None if isinstance(found, sa.Text) else getattr(found, "length", None)
            return sa.String(length) if length else LONG_TEXT
        case "date":
            return sa.Date()
        case "datetime" | "timestamp" if dialect.name != "sqlite":
            return sa.DateTime().with_variant(mysql.DATETIME(fsp=getattr(found, "fsp", None)), "mysql")
        case "datetime" | "timestamp":
            return MOMENT
        case _:
            return found
