"""Privileges are read from the grants, on a real MariaDB and in the words of MySQL; nothing is tried out."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from netsuite_pipeline.doctor.database import Warehouse
from netsuite_pipeline.doctor.finding import Finding, NotChecked, Status
from netsuite_pipeline.doctor.privileges import (
    active_roles,
    privilege_checks,
    privileges_answer,
    privileges_in,
    roles_in,
)
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.doctor.conftest import found
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "INDEX", "ALTER", "DROP"}
IMPORTS = "SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX"
PASSWORD = "hunter2-9e1d"


@contextmanager
def _user(server: MariaDBServer, url: str, *grants: str) -> Iterator[sa.Engine]:
    """An engine of a new user who has these grants; `{database}` and `{user}` are filled in."""
    database = make_url(url).database
    server._execute(f"CREATE OR REPLACE USER doctor@'%' IDENTIFIED BY '{PASSWORD}'")
    for grant in grants:
        server._execute(grant.format(database=database, user="doctor@'%'"))
    engine = connect(make_url(url).set(username="doctor", password=PASSWORD).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    server._execute("DROP USER doctor@'%'")
    server._execute("DROP ROLE IF EXISTS importers")


def _finding(engine: sa.Engine) -> Finding:
    (finding,) = found(privilege_checks(Warehouse(Configuration(), lambda: engine))).values()
    return finding


def test_a_user_who_may_all_is_well(mariadb_server: MariaDBServer, mariadb_url: str) -> None:
    with _user(mariadb_server, mariadb_url, "GRANT ALL ON `{database}`.* TO {user}") as engine:
        assert _finding(engine).status is Status.OK


def test_a_user_who_may_import_alone_is_a_warning(mariadb_server: MariaDBServer, mariadb_url: str) -> None:
    with _user(mariadb_server, mariadb_url, f"GRANT {IMPORTS} ON `{{database}}`.* TO {{user}}") as engine:
        finding = _finding(engine)
    assert finding.status is Status.WARNING
    assert "ALTER, DROP is missing" in finding.found


def test_a_user_who_may_too_little_is_an_error_with_the_grant(mariadb_server: MariaDBServer, mariadb_url: str) -> None:
    database = make_url(mariadb_url).database
    with _user(mariadb_server, mariadb_url, "GRANT SELECT, CREATE ON `{database}`.* TO {user}") as engine:
        finding = _finding(engine)
    lacking = "INSERT, UPDATE, DELETE, INDEX, ALTER, DROP"
    assert finding.status is Status.ERROR
    assert finding.found == f"'doctor'@'%' lacks {lacking} on {database}"
    assert finding.remedy == f"GRANT {lacking} ON `{database}`.* TO 'doctor'@'%'"
    assert PASSWORD not in str(finding)


def test_privileges_of_a_role_count(mariadb_server: MariaDBServer, mariadb_url: str) -> None:
    grants = (
        "CREATE ROLE importers",
        "GRANT ALL ON `{database}`.* TO importers",
        "GRANT importers TO {user}",
        "SET DEFAULT ROLE importers FOR {user}",
    )
    with _user(mariadb_server, mariadb_url, *grants) as engine:
        assert _finding(engine).status is Status.OK


def test_a_role_that_is_not_active_does_not_count(mariadb_server: MariaDBServer, mariadb_url: str) -> None:
    grants = (
        "CREATE ROLE importers",
        "GRANT ALL ON `{database}`.* TO importers",
        "GRANT SELECT ON `{database}`.* TO {user}",
        "GRANT importers TO {user}",
    )
    with _user(mariadb_server, mariadb_url, *grants) as engine:
        finding = _finding(engine)
    assert finding.status is Status.ERROR
    assert "SET DEFAULT ROLE" in finding.remedy


@pytest.mark.parametrize(
    ("current", "roles"),
    [
        (None, []),
        ("NONE", []),
        ("importers", ["`importers`"]),
        ("`a`@`%`,`b`@`%`", ["`a`@`%`", "`b`@`%`"]),
    ],
)
def test_active_roles_are_read_from_both_databases(current: str | None, roles: list[str]) -> None:
    assert active_roles(current) == roles


def test_privileges_through_a_role_that_nobody_may_look_into_are_not_judged() -> None:
    with pytest.raises(NotChecked, match="through a role"):
        privileges_answer(frozenset({"SELECT"}), user="u", database="netsuite", unseen=True)


@pytest.mark.parametrize(
    ("grant", "privileges"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION", ALL),
        ("GRANT SELECT, INDEX ON `netsuite`.* TO `u`@`%`", {"SELECT", "INDEX"}),
        (r"GRANT SELECT ON `net\_suite`.* TO `u`@`%`", set()),
        (r"GRANT SELECT ON `net%`.* TO `u`@`%`", {"SELECT"}),
        ("GRANT SELECT ON `netsuit_`.* TO `u`@`%`", {"SELECT"}),
        ("GRANT SELECT ON `other`.* TO `u`@`%`", set()),
        ("GRANT SELECT ON `netsuite`.`customers` TO `u`@`%`", set()),
        ("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*HASH'", {"USAGE"}),
    ],
)
def test_grants_on_the_whole_database_count(grant: str, privileges: set[str]) -> None:
    assert privileges_in([grant], "netsuite") & (ALL | {"USAGE"}) == privileges


def test_what_is_revoked_on_the_database_does_not_count() -> None:
    grants = ["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `netsuite`.* FROM `u`@`%`"]
    assert privileges_in(grants, "netsuite") == {"SELECT"}


@pytest.mark.parametrize(
    ("grant", "roles"),
    [
        ("GRANT `importers` TO `u`@`%`", ["`importers`"]),
        ("GRANT `a`@`%`,`b`@`%` TO `u`@`%`", ["`a`@`%`", "`b`@`%`"]),
        ("GRANT SELECT ON `netsuite`.* TO `u`@`%`", []),
        ("GRANT USAGE ON *.* TO `u`@`%`", []),
    ],
)
def test_roles_are_told_from_privileges(grant: str, roles: list[str]) -> None:
    assert roles_in([grant]) == roles
