"""What the database user may do, as SHOW GRANTS tells it. Nothing is tried out.

Grants on single tables do not count, because imports create tables. Which statements need which privilege is in the
README.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

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
    """The roles that lines of SHOW GRANTS give, quoted as they stand there; they need not be active."""
    found = [match["roles"] for line in grants if (match := _ROLES.match(line))]
    return [role.strip() for roles in found for role in roles.split(",")]


def active_roles(current: str | None) -> list[str]:
    """The roles that CURRENT_ROLE() names, quoted: MariaDB has one and does not quote it, MySQL quotes each."""
    if current is None or current.upper() == "NONE":
        return []
    if "`" in current:
        return [role.strip() for role in current.split(",")]
    return [f"`{current}`"]


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
        user, active = connection.exec_driver_sql("SELECT CURRENT_USER(), CURRENT_ROLE()").one()
        grants = _grants(connection)
        idle = bool(roles_in(grants)) and not active_roles(active)
        unseen = False
        for role in active_roles(active):
            try:
                grants += _grants(connection, role)
            except DBAPIError:
                unseen = True
    name, _, host = str(user).rpartition("@")
    user = f"'{name}'@'{host}'"
    answer = privileges_answer(privileges_in(grants, database), user=user, database=database, unseen=unseen)
    if idle and answer.remedy:
        return replace(answer, remedy=f"{answer.remedy}; or make a role that it has its default one (SET DEFAULT ROLE)")
    return answer


def _grants(connection: sa.Connection, of: str = "") -> list[str]:
    # Older versions add hashes of passwords: nothing of the lines is shown anywhere.
    rows = connection.exec_driver_sql(f"SHOW GRANTS FOR {of}" if of else "SHOW GRANTS").scalars()
    return [str(row) for row in rows]
