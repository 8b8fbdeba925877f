"""What the database user may do, as SHOW GRANTS tells it. Nothing is tried out.

Grants on single tables do not count, because imports create tables. Which statements need which privilege is in the
README.
"""

import re
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.doctor.database import REACHABLE, Warehouse
from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, ok, warning
from netsuite_pipeline.warehouse.engine import read_connection

FOR_IMPORTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "INDEX")
FOR_UPGRADES = ("ALTER", "DROP")

_GRANT = re.compile(r"(?P<kind>GRANT|REVOKE) (?P<what>.+?) ON (?:(?:TABLE )?)(?P<where>\S+?\.\S+) (?:TO|FROM) ")
_ROLES = re.compile(r"GRANT (?P<roles>(?:[`'][^`']*[`'](?:@[`'][^`']*[`'])?,? ?)+) TO ")


def privilege_checks(warehouse: Warehouse) -> tuple[Check, ...]:
    """The check of the grants."""
    return (
        Check(
            id="database.privileges",
            group=Group.DATABASE,
            attempted="privileges of the user (SHOW GRANTS)",
            look=lambda: _privileges(warehouse),
            needs=(REACHABLE,),
        ),
    )


def privileges_answer(granted: frozenset[str], *, user: str, database: str, unseen: bool) -> Answer:
    """Whether the privileges suffice; `unseen` if there are roles whose privileges nobody tells."""
    lacking = [name for name in FOR_IMPORTS if name not in granted]
    later = [name for name in FOR_UPGRADES if name not in granted]
    if unseen and (lacking or later):
        raise NotChecked(f"{user} has them through a role that it may not look into")
    if lacking:
        names = ", ".join([*lacking, *later])
        return error(f"{user} lacks {names} on {database}", f"GRANT {names} ON `{database}`.* TO {user}")
    if later:
        names = ", ".join(later)
        return warning(
            f"enough for imports; {names} is missing, which `db upgrade` and `db downgrade` need",
            f"GRANT {names} ON `{database}`.* TO {user}, or run those as another user",
        )
    return ok(f"all of {', '.join((*FOR_IMPORTS, *FOR_UPGRADES))}")


def privileges_in(grants: Iterable[str], database: str) -> frozenset[str]:
    """The privileges on a whole database that lines of SHOW GRANTS give, less those that they take away from it."""
    given: set[str] = set()
    taken: set[str] = set()
    for line in grants:
        match = _GRANT.match(line)
        if match is None or not _covers(match["where"], database):
            continue
        names = {name.strip().upper() for name in re.sub(r"\([^)]*\)", "", match["what"]).split(",")}
        if names & {"ALL PRIVILEGES", "ALL"}:
            names |= {*FOR_IMPORTS, *FOR_UPGRADES}
        (given if match["kind"] == "GRANT" else taken).update(names)
    return frozenset(given - taken)


def roles_in(grants: Iterable[str]) -> list[str]:
    """The roles that lines of SHOW GRANTS give, quoted as they stand there."""
    found = [match["roles"] for line in grants if (match := _ROLES.match(line))]
    return [role.strip() for roles in found for role in roles.split(",")]


def _covers(where: str, database: str) -> bool:
    name, _, table = where.rpartition(".")
    if table != "*":
        return False
    name = name.strip("`'\"")
    if name == "*":
        return True
    return re.fullmatch("".join(_pattern(name)), database) is not None


def _pattern(name: str) -> Iterator[str]:
    # Database names of grants are patterns of LIKE.
    for part in re.findall(r"\\.|.", name):
        if part[0] == "\\" and len(part) > 1:
            yield re.escape(part[1])
        else:
            yield {"%": ".*", "_": "."}.get(part, re.escape(part))


def _privileges(warehouse: Warehouse) -> Answer:
    database = warehouse.server.url.database or ""
    with read_connection(warehouse.server) as connection:
        user = str(connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one())
        grants = _grants(connection)
        unseen = False
        for role in roles_in(grants):
            try:
                grants += _grants(connection, role)
            except DBAPIError:
                unseen = True
    name, _, host = user.rpartition("@")
    return privileges_answer(
        privileges_in(grants, database), user=f"'{name}'@'{host}'", database=database, unseen=unseen
    )


def _grants(connection: sa.Connection, of: str = "") -> list[str]:
    # Identified by hashes of passwords in older versions: used here and shown nowhere.
    rows = connection.exec_driver_sql(f"SHOW GRANTS FOR {of}" if of else "SHOW GRANTS").scalars()
    return [str(row) for row in rows]
