"""The `entity` table follows customers, projects, vendors and employees, whoever changes them.

In NetSuite they are views of one record; here SQLite's triggers keep the common columns alike.
"""

from collections.abc import Iterator

from netsuite_pipeline.sandbox.catalogue import TABLES

# Table -> the value of entity.type and the column of entity that repeats the id.
_KINDS = {
    "customer": ("CustJob", "customer"),
    "job": ("Job", "project"),
    "vendor": ("Vendor", "vendor"),
    "employee": ("Employee", "employee"),
}


def mirror_triggers() -> Iterator[str]:
    """CREATE TRIGGER statements, three per table."""
    for table, (kind, role) in _KINDS.items():
        own = TABLES[table].columns.keys() - {role}
        shared = [name for name in TABLES["entity"].columns if name in own]
        if table == "employee":
            shared.remove("laborcost")
        columns = ", ".join(f'"{name}"' for name in (*shared, "type", role))
        values = ", ".join((*(f'new."{name}"' for name in shared), f"'{kind}'", "new.id"))
        forget = "DELETE FROM entity WHERE id = {0}.id; "
        copy = f"INSERT INTO entity ({columns}) VALUES ({values}); "
        yield f"CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {copy} END"
        yield f"CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} BEGIN {forget.format('old')}{copy} END"
        yield f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {forget.format('old')} END"
