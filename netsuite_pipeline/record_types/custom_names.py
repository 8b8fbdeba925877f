"""Names that a user's file may give to columns, tables and record types, and names for what cannot keep its own.

SQL, MySQL and Dagster each keep some names for themselves. Pure: `…_fault` says what is wrong with a name, and whoever
asks adds what to write instead.
"""

import keyword
import re

# MySQL's limit on names, and what remains of it for a column that another one is derived from (`…_name`).
LONGEST = 64
NAME_LENGTH = 59
# What the tables have without being asked for it.
TAKEN = frozenset({"refid", "external_id", "row_hash", "record_type", "imported_at", "deleted_at"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Oracle's reserved words (SQL Language Reference, appendix E): NetSuite refuses a query that uses one as an alias.
_WORDS = """access add all alter and any as asc audit between by char check cluster column column_value comment compress
    connect create current date decimal default delete desc distinct drop else exclusive exists file float for from
    grant group having identified immediate in increment index initial insert integer intersect into is level like lock
    long maxextents minus mlslabel mode modify nested_table_id noaudit nocompress not nowait null number of offline on
    online option or order pctfree prior public raw rename resource revoke row rowid rownum rows select session set
    share size smallint start successful synonym sysdate table then to trigger uid union unique update user validate
    values varchar varchar2 view whenever where with"""
_RESERVED = frozenset(_WORDS.split())
# NetSuite has a table of this name and reads it, whatever Oracle says.
_TABLES_ALL_THE_SAME = frozenset({"file"})
# An asset is an op of Dagster's, which keeps these words, and shares names with our jobs and with the op that plans.
_DAGSTER = "context conf config meta arg_dict dict input_arg_dict output_arg_dict int str float bool input output type"
_OF_DAGSTER = frozenset(_DAGSTER.split())
_OF_JOBS = frozenset({"plan_waves", "start_import"})
_JOB_PREFIX = "import_"


def name_fault(name: str, *, longest: int = NAME_LENGTH) -> str | None:
    """Why nothing in a query or in the warehouse can be called `name`; None if it can."""
    if _NAME.fullmatch(name) is None:
        return f"{name!r} cannot be a name, which has lower-case letters, digits and underscores, a letter first"
    if len(name) > longest:
        shown = f"{name[:longest]}…"
        return f"{shown!r} is too long for a name, with {len(name)} characters instead of at most {longest}"
    return f"{name!r} is a word of SQL" if name in _RESERVED else None


def type_name_fault(name: str) -> str | None:
    """Why no record type of the user's can be called `name`; None if one can."""
    if keyword.iskeyword(name) or name in _OF_DAGSTER:
        return f"{name!r} cannot name an asset of Dagster's"
    if name in _OF_JOBS or name.startswith(_JOB_PREFIX):
        return f"{name!r} cannot name a record type, because jobs of the pipeline have such names"
    return name_fault(name)


def table_fault(name: str) -> str | None:
    """Why no query can read a table of NetSuite's called `name`; None if one can."""
    word = name.lower()
    return f"{name!r} is a word of SQL" if word in _RESERVED - _TABLES_ALL_THE_SAME else None


def usable_name(source: str) -> str:
    """The name that NetSuite's column `source` can have in a table: its own in lower case, if that is allowed."""
    name = source.lower()
    name = name if name[0].isalpha() else f"c{name}"
    return f"{name}_value" if name in _RESERVED | TAKEN else name[:NAME_LENGTH]


def usable_type_name(table: str) -> str:
    """The name that the record type of NetSuite's table `table` can have: the table's own, if that is allowed."""
    return table if type_name_fault(table) is None else f"custom_{table}"[:NAME_LENGTH]


def unique_name(name: str, taken: set[str]) -> str:
    """`name`, or one like it that is not `taken`."""
    found, number = name, 1
    while found in taken:
        number += 1
        ending = f"_{number}"
        found = f"{name[: NAME_LENGTH - len(ending)]}{ending}"
    return found
