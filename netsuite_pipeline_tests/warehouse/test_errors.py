"""Database errors are told apart by their code, whatever they say."""

import sqlite3

import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.errors import (
    ConcurrentWrite,
    DeleteGuardTripped,
    Fault,
    LedgerMismatch,
    RejectGuardTripped,
    SchemaError,
    code_of,
    fault_of,
    warehouse_error,
)


def mysql_error(code: int) -> DBAPIError:
    return DBAPIError("INSERT 'private matter'", None, pymysql.err.OperationalError(code, "what it says."))


def sqlite_error(code: int) -> DBAPIError:
    cause = sqlite3.OperationalError("what it says")
    cause.sqlite_errorcode = code
    return DBAPIError("INSERT 'private matter'", None, cause)


@pytest.mark.parametrize("code", [1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055, 4031])
def test_these_mysql_errors_are_transient(code: int) -> None:
    assert fault_of(mysql_error(code)) is Fault.TRANSIENT


@pytest.mark.parametrize("code", [1048, 1062, 1153, 1264, 1265, 1292, 1366, 1406, 1452, 3819, 4025])
def test_these_mysql_errors_are_about_rows(code: int) -> None:
    assert fault_of(mysql_error(code)) is Fault.ROWS


@pytest.mark.parametrize("code", [1044, 1045, 1049, 1054, 1064, 1142, 1146, 1114, 9999])
def test_all_other_mysql_errors_stop_the_load(code: int) -> None:
    assert fault_of(mysql_error(code)) is Fault.FATAL


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (sqlite3.SQLITE_BUSY, Fault.TRANSIENT),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Fault.TRANSIENT),
        (sqlite3.SQLITE_LOCKED, Fault.TRANSIENT),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Fault.ROWS),
        (sqlite3.SQLITE_TOOBIG, Fault.ROWS),
        (sqlite3.SQLITE_FULL, Fault.FATAL),
        (sqlite3.SQLITE_ERROR, Fault.FATAL),
    ],
)
def test_sqlite_errors_are_told_apart_by_their_primary_code(code: int, fault: Fault) -> None:
    assert fault_of(sqlite_error(code)) is fault


def test_a_lost_connection_without_a_code_is_transient() -> None:
    error = DBAPIError("", None, pymysql.err.InterfaceError(0, ""), connection_invalidated=True)
    assert (fault_of(error), code_of(error)) == (Fault.TRANSIENT, None)


def test_the_sentence_has_code_and_advice_and_no_statement() -> None:
    error = warehouse_error(mysql_error(1049), doing="Connecting")
    assert str(error) == (
        "Connecting failed: what it says (1049); create the database or correct its name in WAREHOUSE_URL."
    )
    assert error.code == 1049


def test_every_error_has_its_category() -> None:
    categories = {
        kind: kind.category
        for kind in (SchemaError, ConcurrentWrite, LedgerMismatch, DeleteGuardTripped, RejectGuardTripped)
    }
    assert categories == {
        SchemaError: FailureCategory.DATABASE,
        ConcurrentWrite: FailureCategory.DATABASE,
        LedgerMismatch: FailureCategory.UNKNOWN,
        DeleteGuardTripped: FailureCategory.PERMANENT_ERROR,
        RejectGuardTripped: FailureCategory.PERMANENT_ERROR,
    }
