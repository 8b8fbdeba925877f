# ruff: noqa: N818 - the names say what happened; all of them end an import of a batch
"""What can go wrong in the warehouse, and the one place that tells kinds of database errors apart.

Errors are told apart by the server's code, never by their text. What follows from a failure is decided by the
loader (rows, transient errors) and by `waves` (failed batches).
"""

import sqlite3
from collections.abc import Sequence
from enum import Enum

from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.transform.rejection import RejectReason


class WarehouseError(Exception):
    """The warehouse refused or could not be reached; the text is one sentence without a secret.

    `code` is the server's error code (MySQL errno or SQLite result code), where there is one.
    """

    category: FailureCategory = FailureCategory.DATABASE

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SchemaError(WarehouseError):
    """A table lacks what the declarations need."""


class LedgerMismatch(WarehouseError):
    """The counts of a batch do not add up; nothing of it was written."""

    category = FailureCategory.UNKNOWN


class StaleRead(WarehouseError):
    """Another import committed rows of the batch after this one had read them; the batch has to be read again."""

    category = FailureCategory.UNKNOWN


class DeleteGuardTripped(WarehouseError):
    """A batch would have flagged too large a share of its rows as deleted; nothing of it was written."""

    category = FailureCategory.PERMANENT_ERROR


class RejectGuardTripped(WarehouseError):
    """Too large a share of a batch's rows was rejected for one column; nothing of it was written."""

    category = FailureCategory.PERMANENT_ERROR


class FrameError(WarehouseError):
    """A DataFrame and its table do not fit together, or it was asked for in a way that there is not."""

    category = FailureCategory.PERMANENT_ERROR


class ConcurrentWrite(WarehouseError):
    """Another writer changed rows of the batch between reading and writing; the loader repeats it."""


class RowsRefused(Exception):
    """A statement whose rows the database would change or refuse; caught where chunks are divided.

    `rows` are the places of those that the database named.
    """

    def __init__(
        self, message: str, *, code: int | None, reason: RejectReason = RejectReason.DATABASE, rows: Sequence[int] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.rows = rows


class Fault(Enum):
    """What a database error is about, and so what helps."""

    TRANSIENT = "repeat the transaction"
    ROWS = "find the rows that are refused"
    FATAL = "stop"


# MySQL and MariaDB error reference. 1040 too many connections, 1053 shutdown, 1205 lock wait, 1213 deadlock,
# 1927 and 4031 connection killed or timed out, 2002/2003 no server (restarting), 2006 gone, 2013 lost, 2055
# lost.
_TRANSIENT = frozenset({1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055, 4031})

# 1048 NULL, 1062 duplicate, 1118 row too large, 1153 packet, 1264 range, 1265 truncated, 1292 date,
# 1366 value, 1367 illegal value, 1406 too long, 1411 function value, 1451 and 1452 foreign key, 1526
# partition, 1644 SIGNAL of a trigger, 1690 out of range, 3140 JSON, 3819 (MySQL) and 4025 (MariaDB) check
# constraint.
_ROWS = frozenset(
    {
        1048,
        1062,
        1118,
        1153,
        1264,
        1265,
        1292,
        1366,
        1367,
        1406,
        1411,
        1451,
        1452,
        1526,
        1644,
        1690,
        3140,
        3819,
        4025,
    }
)

# What the codes say of a row, in the words of `import_rejects`. SQLite's are extended result codes.
_REASONS = {
    1048: RejectReason.NULL_VALUE,
    1062: RejectReason.DUPLICATE_VALUE,
    1153: RejectReason.TOO_LONG,
    1264: RejectReason.OUT_OF_RANGE,
    1265: RejectReason.TOO_PRECISE,
    1366: RejectReason.INVALID_TEXT,
    1406: RejectReason.TOO_LONG,
    1452: RejectReason.MISSING_REFERENCE,
    3819: RejectReason.CHECK_FAILED,
    4025: RejectReason.CHECK_FAILED,
}
_SQLITE_REASONS = {
    sqlite3.SQLITE_CONSTRAINT_CHECK: RejectReason.CHECK_FAILED,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: RejectReason.MISSING_REFERENCE,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: RejectReason.NULL_VALUE,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: RejectReason.DUPLICATE_VALUE,
    sqlite3.SQLITE_TOOBIG: RejectReason.TOO_LONG,
}

DUPLICATE_KEY = 1062
PACKET_TOO_LARGE = 1153
TABLE_EXISTS = 1050
INDEX_EXISTS = 1061

_SQLITE_TRANSIENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_ROWS = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH})

_ADVICE = {
    1044: "grant the user access to the database",
    1045: "check user and password of WAREHOUSE_URL",
    1049: "create the database or correct its name in WAREHOUSE_URL",
    1054: "start the pipeline again so that it compares the table with the declarations",
    1142: "grant the user SELECT, INSERT, UPDATE, DELETE, CREATE and INDEX on the database, for `db upgrade` and"
    " `db downgrade` also ALTER and DROP",
    1146: "start the pipeline again so that it creates the table",
    1364: "NetSuite does not fill the column: give it a DEFAULT in the table, or let it be NULL",
    1698: "check user and password of WAREHOUSE_URL",
    2002: "check that the server runs and that WAREHOUSE_URL names its socket",
    2003: "check host and port of WAREHOUSE_URL and that the server runs",
    2005: "check the host of WAREHOUSE_URL",
}


def code_of(error: DBAPIError) -> int | None:
    """The MySQL errno, or SQLite's primary result code; None where the driver gave none."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary code: 517 (BUSY_SNAPSHOT) is a kind of 5 (BUSY);
        # sqlite.org/rescode.html.
        code = getattr(cause, "sqlite_errorcode", None)
        return None if code is None else int(code) & 0xFF
    first = cause.args[0] if cause is not None and cause.args else None
    return first if isinstance(first, int) and first > 0 else None


def reason_of_code(code: int | None) -> RejectReason:
    """What MySQL's errno says of a row; `database` where it says nothing particular."""
    return _REASONS.get(code or 0, RejectReason.DATABASE)


def reject_reason_of(error: DBAPIError) -> RejectReason:
    """What the error says of the row that is refused."""
    if isinstance(error.orig, sqlite3.Error):
        extended = getattr(error.orig, "sqlite_errorcode", None) or 0
        return _SQLITE_REASONS.get(extended, RejectReason.DATABASE)
    return reason_of_code(code_of(error))


def message_of(error: DBAPIError) -> str:
    """The server's own words, without the statement (it holds customers' data)."""
    cause = error.orig
    return str(cause.args[-1]) if cause is not None and cause.args else type(cause).__name__


def fault_of(error: DBAPIError) -> Fault:
    """What the error is about."""
    code = code_of(error)
    if isinstance(error.orig, sqlite3.Error):
        if code in _SQLITE_TRANSIENT:
            return Fault.TRANSIENT
        by_code = code in _SQLITE_ROWS
        return Fault.ROWS if by_code or isinstance(error.orig, sqlite3.DataError) else Fault.FATAL
    if code in _TRANSIENT or error.connection_invalidated:
        return Fault.TRANSIENT
    return Fault.ROWS if code in _ROWS else Fault.FATAL


def warehouse_error(error: DBAPIError, *, doing: str) -> WarehouseError:
    """The error as one sentence: what was attempted, what the database said, what to do if known."""
    code = code_of(error)
    advice = _ADVICE.get(code or 0)
    said = message_of(error).rstrip(".")
    numbered = f"{said} ({code})" if code else said
    return WarehouseError(f"{doing} failed: {numbered}{f'; {advice}' if advice else ''}.", code=code)
