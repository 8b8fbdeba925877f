"""What a column type can hold, as numbers: so two types are the same, or one is wider, or they are of other kinds.

Types of declarations and of reflection become the same `Shape`, whatever class SQLAlchemy gives them: ExactDecimal is
text on SQLite, Boolean is TINYINT(1) on MySQL, and JSON is LONGTEXT on MariaDB. Imports and upgrades go by the same
rule of what holds what.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine, UserDefinedType

_BITS: tuple[tuple[type[Any], int], ...] = (
    # The order matters: the wide and narrow integers are all Integer to SQLAlchemy.
    (sa.Boolean, 8),
    (mysql.TINYINT, 8),
    (sa.SmallInteger, 16),
    (mysql.MEDIUMINT, 24),
    (sa.BigInteger, 64),
    (sa.Integer, 32),
)
_TEXT_BYTES: tuple[tuple[type[Any], int], ...] = (
    (mysql.TINYTEXT, 2**8 - 1),
    (mysql.MEDIUMTEXT, 2**24 - 1),
    (mysql.LONGTEXT, 2**32 - 1),
    (sa.Text, 2**16 - 1),
)
_BYTES_PER_CHARACTER = 4
_ENDLESS = 2**63
_BLOB_BYTES = 2**16 - 1
# The last years of DATE and DATETIME, and of TIMESTAMP.
_LAST_YEAR, _LAST_YEAR_OF_TIMESTAMP = 9999, 2038

# What stores a value of a declared family unchanged or refuses it aloud. Others change values in silence, e.g. DOUBLE
# for DECIMAL (rounds), CHAR for VARCHAR (cuts blanks) or TIMESTAMP for DATETIME (is shown in the zone of whoever looks,
# and takes NULL for now where explicit_defaults_for_timestamp is off).
_KEEPERS = {
    "integer": {"integer", "decimal"},
    "decimal": {"decimal"},
    "double": {"double"},
    "text": {"text"},
    "date": {"date", "datetime"},
    "datetime": {"datetime"},
    "padded binary": {"padded binary", "varbinary", "blob"},
    "blob": {"blob"},
}


class Fit(Enum):
    """How a found type relates to the declared one."""

    SAME = "the same"
    WIDENS = "the declared type holds more"
    WIDER = "the found type holds more"
    OVERLAPS = "each holds values that the other does not"
    DIFFERS = "another kind of type"


@dataclass(frozen=True)
class Shape:
    """`surely` is what every value up to that size finds room for, `at_most` what one value can be.

    They differ for TEXT, whose limit is in bytes. Numbers are measured by both ends and the digits after the point,
    moments by the last year, whether there is a time of day, and the digits of its seconds.
    """

    family: str
    surely: tuple[int, ...] = ()
    at_most: tuple[int, ...] = ()
    collation: str | None = None

    def fit(self, declared: "Shape") -> Fit:
        """How this, which was found, relates to what is declared."""
        other_collation = declared.collation is not None and declared.collation != self.collation
        if other_collation:
            return Fit.DIFFERS
        if (self.family, self.surely, self.at_most) == (declared.family, declared.surely, declared.at_most):
            return Fit.SAME
        if self.holds(declared):
            return Fit.WIDER
        if declared.holds(self):
            return Fit.WIDENS
        return Fit.OVERLAPS if self.family == declared.family and self.keeps(declared) else Fit.DIFFERS

    def keeps(self, declared: "Shape") -> bool:
        """Whether every value of the declared type is stored unchanged here, or refused aloud for want of room."""
        if self.family == "padded binary" and self.surely > declared.surely:
            # Shorter values are filled up with zero bytes.
            return False
        if self.family == "datetime" and self.surely[-1] < declared.surely[-1]:
            # Digits of seconds are rounded without a word.
            return False
        return self.family in _KEEPERS.get(declared.family, set())

    def holds(self, other: "Shape") -> bool:
        """Whether there is room for every value of the other type, and all are kept."""
        return self.keeps(other) and all(room >= size for room, size in zip(self.surely, other.at_most, strict=True))


class TypeText(UserDefinedType[Any]):
    """A type that is written into a statement as it stands, in place of the type `instead_of`."""

    cache_ok = True

    def __init__(self, text: str, *, instead_of: TypeEngine[Any]) -> None:
        self.text = text
        self.instead_of = instead_of

    @property
    def _type_affinity(self) -> Any:
        # Between types of one affinity Alembic copies values as they are, without a CAST that could change them.
        return self.instead_of._type_affinity  # noqa: SLF001 - SQLAlchemy has no public name for it

    def get_col_spec(self, **_: Any) -> str:
        """The text."""
        return self.text


def resolved(column_type: TypeEngine[Any], dialect: sa.Dialect) -> TypeEngine[Any]:
    """The type that the database is given: variants chosen, decorators opened."""
    implementation = column_type.dialect_impl(dialect)
    if isinstance(implementation, sa.types.TypeDecorator):
        return implementation.load_dialect_impl(dialect)
    return implementation


def shape_of(column_type: TypeEngine[Any], dialect: sa.Dialect) -> Shape:
    """The shape of a declared or a reflected type."""
    found = resolved(column_type, dialect)
    server = dialect.name != "sqlite"
    if isinstance(found, sa.JSON):
        alias_of_text = server and getattr(dialect, "is_mariadb", False)
        return shape_of(mysql.LONGTEXT(), dialect) if alias_of_text else Shape("json")
    if isinstance(found, (sa.Boolean, sa.Integer)):
        return _integer(found)
    if isinstance(found, sa.Numeric):
        return _numeric(found, server=server)
    if isinstance(found, sa.String):
        return _text(found, endless=not server)
    if isinstance(found, (sa.Date, sa.DateTime)):
        return _moment(found, server=server)
    if isinstance(found, (sa.LargeBinary, sa.BINARY, sa.VARBINARY)):
        return _binary(found, server=server)
    return Shape(type(found).__name__.lower())


class Shapes:
    """The shapes of a dialect's types. Types that are alike are looked at once: there are few, and 1,200 columns."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._known: dict[tuple[type, frozenset[tuple[str, Any]]], Shape] = {}

    def of(self, column_type: TypeEngine[Any]) -> Shape:
        """The shape of a declared or a reflected type, see `shape_of`."""
        try:
            key = (type(column_type), frozenset(vars(column_type).items()))
            known = self._known.get(key)
        except TypeError:
            # It is made of something that cannot be hashed, e.g. the list of an enumeration's values.
            return shape_of(column_type, self._dialect)
        if known is None:
            known = self._known[key] = shape_of(column_type, self._dialect)
        return known


def _exactly(family: str, *sizes: int, collation: str | None = None) -> Shape:
    return Shape(family, sizes, sizes, collation)


def _integer(found: TypeEngine[Any]) -> Shape:
    bits = next(bits for kind, bits in _BITS if isinstance(found, kind))
    if getattr(found, "unsigned", False):
        return _exactly("integer", 0, 2**bits - 1, 0)
    return _exactly("integer", 2 ** (bits - 1), 2 ** (bits - 1) - 1, 0)


def _numeric(found: "sa.Numeric[Any]", *, server: bool) -> Shape:
    if isinstance(found, sa.Float):
        if getattr(found, "scale", None) is not None:
            return Shape("rounded float")
        # SQLite has one binary floating point, whatever it is called.
        return Shape("double" if isinstance(found, sa.Double) or not server else "float")
    # MySQL's DECIMAL without digits is DECIMAL(10, 0).
    precision, scale = found.precision or 10, found.scale or 0
    most = 10 ** (precision - scale) - 1
    return _exactly("decimal", 0 if getattr(found, "unsigned", False) else most, most, scale)


def _moment(found: TypeEngine[Any], *, server: bool) -> Shape:
    if isinstance(found, sa.Date):
        return _exactly("date", _LAST_YEAR, 0, 0)
    digits = (getattr(found, "fsp", None) or 0) if server else 0
    if isinstance(found, sa.TIMESTAMP):
        return _exactly("timestamp", _LAST_YEAR_OF_TIMESTAMP, 1, digits)
    return _exactly("datetime", _LAST_YEAR, 1, digits)


def _binary(found: "sa.LargeBinary | sa.BINARY | sa.VARBINARY", *, server: bool) -> Shape:
    if isinstance(found, sa.LargeBinary) or not server:
        return _exactly("blob", _BLOB_BYTES)
    return _exactly("padded binary" if isinstance(found, sa.BINARY) else "varbinary", found.length or 1)


def _text(found: sa.String, *, endless: bool) -> Shape:
    collation = getattr(found, "collation", None)
    if isinstance(found, (sa.Enum, mysql.SET)):
        return Shape("list")
    if isinstance(found, (sa.CHAR, sa.NCHAR)):
        return _exactly("padded text", found.length or 1, collation=collation)
    if isinstance(found, sa.Text) or found.length is None:
        if endless:
            return _exactly("text", _ENDLESS, collation=collation)
        size = next((size for kind, size in _TEXT_BYTES if isinstance(found, kind)), 0)
        return Shape("text", (size // _BYTES_PER_CHARACTER,), (size,), collation)
    return _exactly("text", found.length, collation=collation)
