"""What giving a column another type would take away, in silence, from what people made of the table.

MODIFY of MySQL forgets what it is not told again, and SQLite copies the table from what reflection sees of it.
"""

import re

import sqlalchemy as sa

from netsuite_pipeline.warehouse.migration.ddl import copy_obstacle

# A column as SHOW CREATE TABLE writes it: what is told again, wherever it stands. The rest would be forgotten.
_TEXT = r"'(?:[^'\\]|''|\\.)*'"
_TYPE = re.compile(rf"^\w+(?:\((?:{_TEXT}|[^()'])*\))?(?: unsigned)?", re.IGNORECASE)
_TOLD_AGAIN = (
    rf"\bCOMMENT {_TEXT}",
    rf"\bDEFAULT (?:{_TEXT}|[\w.+-]+(?:\([^()]*\))?)",
    r"\bCHARACTER SET \w+",
    r"\bCOLLATE \w+",
    r"\b(?:NOT )?NULL\b",
)


def retyping_obstacle(connection: sa.Connection, table: str, column: str) -> str:
    """Why the column cannot be given another type; empty if nothing would be lost."""
    if connection.dialect.name == "sqlite":
        return copy_obstacle(connection, table)
    quoted = connection.dialect.identifier_preparer.quote_identifier
    text = connection.exec_driver_sql(f"SHOW CREATE TABLE {quoted(table).replace('%', '%%')}").one()[1]
    forgotten = forgotten_by_modify(text, quoted(column))
    return f"changing its type would drop its {forgotten}: change the type by hand" if forgotten else ""


def forgotten_by_modify(create_table: str, quoted_column: str) -> str:
    """The words of the column that MODIFY is not told again."""
    beginning = f"{quoted_column} "
    lines = (line.strip() for line in create_table.splitlines())
    line = next((line for line in lines if line.lower().startswith(beginning.lower())), "")
    rest = _TYPE.sub("", line[len(beginning) :].removesuffix(","))
    for words in _TOLD_AGAIN:
        rest = re.sub(words, "", rest, count=1, flags=re.IGNORECASE)
    return " ".join(rest.split())
