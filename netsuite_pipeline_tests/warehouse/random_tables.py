"""Random record types, and the tables that people make of them: what a DBA may change behind the loader's back.

How a table is made of a recipe is in `table_recipes`. Rows and batches are in `random_batches`, what a load must leave
behind in `load_oracle`.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.custom_names import name_fault
from netsuite_pipeline.record_types.model import SINGLE_KEY, Field, Kind, RecordType, Source, integer
from netsuite_pipeline.warehouse.tables import target_metadata
from netsuite_pipeline_tests.warehouse.table_recipes import ColumnChange, Recipe, Unique

PARENTS = range(-3, 13)
PAIR_KEY = (integer("transaction", nullable=False), integer("linesequence", nullable=False))
# Words of MySQL's that custom_names.py lets pass, and the longest name.
_NAMES = [
    *("condition", "keys", "left", "primary", "rank", "groups", "system", "window", "call", "references", "rows"),
    *("new", "old", "excluded", "value", "function", "int", "x" * 59, "a_", "null_", "true", "true_", "interval"),
]
COLUMN_NAMES = [name for name in _NAMES if name_fault(name) is None]
_LENGTHS = [None, None, 1, 2, 9, 9, 40, 255, 256, 1000]
_WIDTHS = [0] * 20 + [15] * 4 + [40] * 2 + [300]
_KINDS = [*sorted(Kind), Kind.TEXT, Kind.TEXT]

# Every setting can be global, so that sessions start with it. None of them may matter.
SERVER_SETTINGS = [
    *(("sql_mode", mode) for mode in ("''", "'NO_BACKSLASH_ESCAPES'", "'ANSI_QUOTES'", "'ANSI,NO_BACKSLASH_ESCAPES'")),
    *(("sql_mode", mode) for mode in ("'ORACLE'", "'EMPTY_STRING_IS_NULL'", "'PAD_CHAR_TO_FULL_LENGTH'")),
    ("sql_notes", "0"),
    ("sql_notes", "0"),
    ("sql_select_limit", "2"),
    ("sql_safe_updates", "1"),
    ("explicit_defaults_for_timestamp", "0"),
    ("completion_type", "'CHAIN'"),
    ("autocommit", "0"),
    ("foreign_key_checks", "0"),
    ("unique_checks", "0"),
    ("check_constraint_checks", "0"),
    ("max_error_count", "0"),
    ("time_zone", "'+05:45'"),
    ("tx_isolation", "'SERIALIZABLE'"),
    ("character_set_client", "latin1"),
    ("collation_connection", "latin1_swedish_ci"),
    ("collation_server", "latin1_swedish_ci"),
    ("innodb_strict_mode", "0"),
]


def field_of(dice: random.Random, name: str) -> Field:
    """A column of any kind."""
    kind = dice.choice(_KINDS)
    field = Field(name=name, source=name, kind=kind)
    if kind is Kind.TEXT:
        length = dice.choice([*_LENGTHS, dice.randint(1, 1000)])
        return replace(field, length=length, truncate=dice.random() < 0.3)
    if kind is Kind.DECIMAL:
        precision = dice.choice([dice.randint(1, 65), 24])
        return replace(field, precision=precision, scale=min(dice.randint(0, 30), precision))
    return field


def types_of(dice: random.Random, *, columns: int) -> tuple[RecordType, ...]:
    """One type, or two that share the table, of at most so many columns. Wide tables repeat a few kinds of them."""
    names = dice.sample(COLUMN_NAMES, k=dice.randint(0, 3))
    names += [f"c{number}" for number in range(dice.randint(0 if names else 1, 6))]
    pattern = [field_of(dice, name) for name in names]
    width = dice.choice(_WIDTHS)
    key = dice.choice([SINGLE_KEY, SINGLE_KEY, PAIR_KEY])
    shared = dice.random() < 0.5
    while True:
        wide = [replace(pattern[n % len(pattern)], name=f"w{n}", source=f"w{n}") for n in range(width - len(pattern))]
        types = _types(key, (*pattern, *wide)[:columns], shared=shared)
        try:
            target_metadata(types)
        except CatalogError:
            width //= 2
        else:
            return types


def _types(key: tuple[Field, ...], columns: tuple[Field, ...], *, shared: bool) -> tuple[RecordType, ...]:
    first = RecordType(name="fuzz", id=-9100, table="fuzz_rows", source=Source(table="fuzz"), fields=columns, key=key)
    if not shared or len(columns) == 1:
        return (first,)
    return (
        replace(first, fields=columns[:-1]),
        replace(first, name="fuzz_other", id=-9101, source=Source(table="other"), fields=columns[1:]),
    )


def recipe_of(dice: random.Random, types: Sequence[RecordType], *, server: bool) -> Recipe:
    """A table for the types as people made it."""
    columns = list({field.name: field for one in types for field in one.value_fields}.values())
    changed = dice.sample(columns, k=min(dice.randint(0, 3), len(columns)))
    changes = [_change(dice, field, server=server) for field in changed]
    if dice.random() < 0.1:
        changes.append(_own_change(dice, [field.name for field in types[0].key], server=server))
    untouched = [field for field in columns if field not in changed]
    single = len(types[0].key) == 1
    # Of tables in partitions MySQL wants the key in every unique index, and no foreign key.
    divided = server and single and dice.random() < 0.05
    parent = None if divided else _parent(dice, untouched)
    refuse_on = dice.choice([(), (), (), ("INSERT",), ("UPDATE",), ("INSERT", "UPDATE")])
    return Recipe(
        changes=tuple(changes),
        uniques=() if divided else _uniques(dice, [*columns, *types[0].key[1:]], server=server),
        indexed=dice.choice([None, dice.choice(columns).name]),
        checked=dice.choice([None, None, None, _check(dice.choice(columns))]),
        parent_of=parent,
        parent_is_itself=parent is not None and single and dice.random() < 0.5,
        refuse_on=refuse_on,
        refuse_if=dice.choice(_refusals(types[0], columns)),
        below=8 if divided else None,
        counted=server and single and dice.random() < 0.05,
        extra=dice.choice([None, None, None, "INT NOT NULL DEFAULT 7", "VARCHAR(5)"]),
        setting=dice.choice([None, dice.choice(SERVER_SETTINGS)]) if server else None,
    )


def _parent(dice: random.Random, columns: Sequence[Field]) -> str | None:
    numbers = [field.name for field in columns if field.kind in {Kind.INTEGER, Kind.REFERENCE}]
    return dice.choice([None, None, *numbers])


def _uniques(dice: random.Random, columns: Sequence[Field], *, server: bool) -> tuple[Unique, ...]:
    if dice.random() < 0.6:
        return ()
    chosen = dice.sample(columns, k=min(dice.choice([1, 1, 2]), len(columns)))
    return (tuple((field.name, _prefix(dice, field) if server else None) for field in chosen),)


def _prefix(dice: random.Random, field: Field) -> int | None:
    """How much of a text an index looks at; None for all."""
    return dice.choice([None, dice.randint(1, min(field.length or 20, 20))]) if field.kind is Kind.TEXT else None


def _check(field: Field) -> tuple[str, str]:
    match field.kind:
        case Kind.TEXT:
            return field.name, "LENGTH(<>) < 12"
        case Kind.INTEGER | Kind.REFERENCE:
            return field.name, "<> BETWEEN -1000 AND 1000"
        case _:
            return field.name, "<> IS NOT NULL"


def _refusals(record_type: RecordType, columns: Sequence[Field]) -> list[tuple[str, str]]:
    key = record_type.key[-1].name
    return [(key, "NEW.<> % 3 = 0"), (key, "NEW.<> = 5"), (columns[0].name, "NEW.<> IS NULL")]


def _change(dice: random.Random, field: Field, *, server: bool) -> ColumnChange:
    types = _server_types(field) if server else _file_types(field)
    if server and dice.random() < 0.05:
        types = _silent_types(field)
    kept = dice.choice([None, *types])
    # An automatic TIMESTAMP is something else again.
    not_null = dice.random() < 0.4 and kept != "TIMESTAMP NULL"
    default = dice.choice([None, *_defaults(field.kind)]) if not_null else None
    return ColumnChange(column=field.name, type=kept, not_null=not_null, default=default)


def _own_change(dice: random.Random, keys: Sequence[str], *, server: bool) -> ColumnChange:
    column = dice.choice([*keys, "external_id", "record_type", "row_hash", "imported_at", "deleted_at"])
    if not server:
        return ColumnChange(column=column, not_null=True)
    types = {
        "external_id": ["VARCHAR(1)", "VARCHAR(64) CHARACTER SET latin1", "TEXT"],
        "record_type": ["VARCHAR(4)", "VARCHAR(64) CHARACTER SET ascii", "VARCHAR(64) COLLATE utf8mb4_bin"],
        "row_hash": ["VARBINARY(16)", "VARBINARY(40)", "TINYBLOB", "BINARY(8)", "BINARY(20)"],
        "imported_at": ["TIMESTAMP(6)"],
        "deleted_at": ["TIMESTAMP(6) NULL", "DATETIME(6) NOT NULL"],
    }
    numbers = ["INT", "SMALLINT", "TINYINT", "BIGINT UNSIGNED", "DECIMAL(20,0)", "DECIMAL(3,1)", "INT ZEROFILL"]
    return ColumnChange(column=column, type=dice.choice(types.get(column, numbers)))


def _server_types(field: Field) -> list[str]:
    """Smaller and wider types."""
    match field.kind:
        case Kind.TEXT:
            size = max((field.length or 60) // 2, 1)
            sets = ["latin1", "utf8mb3", "ascii", "cp1250", "sjis", "gbk", "ucs2", "latin1 COLLATE latin1_bin"]
            texts = [f"VARCHAR({size}) CHARACTER SET {name}" for name in sets]
            return [*texts, *[f"VARCHAR({size})"] * 5, "TINYTEXT", "TEXT"]
        case Kind.INTEGER | Kind.REFERENCE:
            numbers = ["INT", "SMALLINT", "TINYINT", "MEDIUMINT", "INT UNSIGNED", "BIGINT UNSIGNED", "INT ZEROFILL"]
            return [*numbers, "DECIMAL(10,0)", "DECIMAL(21,2)"]
        case Kind.DECIMAL:
            precision, scale = field.precision or 24, field.scale or 0
            narrow = max(precision - scale, 1) + scale // 2
            smaller = [f"DECIMAL({max(precision // 2, 1)},{scale // 2})", f"DECIMAL({narrow},{scale // 2})"]
            smaller = [smaller[1], *smaller] if precision // 2 >= scale // 2 else [smaller[1]] * 3
            return [*smaller, f"DECIMAL({precision},{scale}) UNSIGNED", "DECIMAL"]
        case Kind.BOOLEAN:
            return ["BIGINT", "TINYINT UNSIGNED", "DECIMAL(1,0)"]
        case Kind.DATE:
            return ["DATETIME", "DATETIME(3)"]
        case Kind.DATETIME:
            return ["DATETIME(3)", "DATETIME(6)"]


def _silent_types(field: Field) -> list[str]:
    """Types that change values in silence, which are `ensure_tables`' to find."""
    match field.kind:
        case Kind.TEXT:
            size = max((field.length or 60) // 2, 1)
            return [f"CHAR({min(size, 255)})", f"VARBINARY({size * 4})", "JSON", "ENUM('a','b')"]
        case Kind.INTEGER | Kind.REFERENCE:
            return ["DOUBLE", "VARCHAR(20)", "BIT(8)"]
        case Kind.DECIMAL:
            return ["DOUBLE", "BIGINT", "VARCHAR(70)"]
        case Kind.BOOLEAN:
            return ["BIT(1)", "CHAR(1)"]
        case Kind.DATE:
            return ["TIMESTAMP NULL", "VARCHAR(10)", "INT"]
        case Kind.DATETIME:
            return ["TIMESTAMP NULL", "DATE", "VARCHAR(26)", "TIME"]


def _file_types(field: Field) -> list[str]:
    """SQLite has affinities: all but TEXT and BLOB turn text that looks like a number into one."""
    match field.kind:
        case Kind.TEXT:
            return ["VARCHAR(3)", "TEXT", "TEXT COLLATE NOCASE", "VARCHAR(9)", "BLOB", "NUMERIC", "CHAR(3)"]
        case Kind.INTEGER | Kind.REFERENCE:
            return ["SMALLINT", "INT", "BIGINT", "TEXT", "REAL", "DECIMAL(3,0)"]
        case Kind.DECIMAL:
            return ["TEXT", "VARCHAR(9)", "NUMERIC", "DECIMAL(5,2)", "REAL", "INTEGER"]
        case Kind.BOOLEAN:
            return ["BOOLEAN", "INTEGER", "TEXT"]
        case Kind.DATE | Kind.DATETIME:
            return ["DATE", "DATETIME", "TIMESTAMP", "TEXT", "INTEGER"]


def _defaults(kind: Kind) -> list[str]:
    match kind:
        case Kind.TEXT:
            return ["''", "'n/a'"]
        case Kind.DATE | Kind.DATETIME:
            return ["'2000-01-01'", "CURRENT_TIMESTAMP"]
        case _:
            return ["0", "1"]
