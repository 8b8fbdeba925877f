"""Which rows of a statement a database complains about, where it says so.

MariaDB keeps the row's number; MySQL has it in the text of some messages. Nothing depends on it but how many
statements it takes to find a bad row: a wrong number costs a few more.
"""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.errors import message_of

# MariaDB manual, "GET DIAGNOSTICS": ROW_NUMBER.
_ROW_NUMBER_SINCE = (10, 7)
_AT_ROW = re.compile(r"\bat row (\d+)\b")


def named_rows(connection: sa.Connection, error: DBAPIError) -> tuple[int, ...]:
    """The rows of the statement that has just failed, counted from 0; empty if the server names none."""
    dialect: Any = connection.dialect
    if dialect.name == "mysql" and dialect.is_mariadb and dialect.server_version_info >= _ROW_NUMBER_SINCE:
        connection.exec_driver_sql("GET DIAGNOSTICS CONDITION 1 @failed_row = ROW_NUMBER")
        number = connection.exec_driver_sql("SELECT @failed_row").scalar_one()
        return (int(number) - 1,) if number else ()
    return rows_in_text(message_of(error))


def rows_in_text(message: str) -> tuple[int, ...]:
    """`Data too long for column 'b' at row 537` -> (536,)."""
    return tuple(int(number) - 1 for number in _AT_ROW.findall(message))
