"""The server and its session: versions, modes, sizes, connections, clocks; what is judged, and a look at MariaDB."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from netsuite_pipeline.cli.warehouse import existing_warehouse
from netsuite_pipeline.doctor.database import (
    Warehouse,
    connection_checks,
    connections_answer,
    database_checks,
    mode_answer,
    packet_answer,
    skew_answer,
    version_answer,
)
from netsuite_pipeline.doctor.finding import Finding, Status
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.warehouse.engine import SQL_MODE, connect
from netsuite_pipeline_tests.doctor.conftest import Configured, found
from netsuite_pipeline_tests.ports import free_port

MEBIBYTE = 1024 * 1024
Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def look() -> Iterator[Look]:
    """What a doctor finds of the database of a configuration."""
    with ExitStack() as stack:

        def find(configuration: Configuration, *, runs: int | None = 2) -> dict[str, Finding]:
            def opened() -> object:
                return stack.enter_context(existing_warehouse(configuration.settings))

            warehouse = Warehouse(configuration, opened)
            return found([*database_checks(warehouse), *connection_checks(warehouse, runs=lambda: runs)])

        yield find


def test_a_mariadb_server_is_well(configured: Configured, look: Look, mariadb_url: str) -> None:
    findings = look(configured(warehouse_url=mariadb_url))
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert findings["database.version"].found.startswith("MariaDB ")
    assert findings["database.packet"].found.startswith("64 MiB")
    assert "max_connections=300" in findings["database.connections"].found
    assert make_url(mariadb_url).password not in str(findings)


def test_connections_of_an_unknown_number_of_runs_are_not_judged(
    configured: Configured, look: Look, mariadb_url: str
) -> None:
    finding = look(configured(warehouse_url=mariadb_url), runs=None)["database.connections"]
    assert finding.status is Status.NOT_CHECKED


def test_sqlite_is_for_trying_and_has_no_server_to_look_at(configured: Configured, look: Look, tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'warehouse.db'}").dispose()
    findings = look(configured())
    assert findings["database.reachable"].status is Status.WARNING
    assert findings["database.reachable"].found.endswith("SQLite is for trying")
    assert findings["database.version"].found == "because it is SQLite"


def test_an_sqlite_file_that_is_not_there_is_not_made(configured: Configured, look: Look, tmp_path: Path) -> None:
    findings = look(configured())
    assert findings["database.reachable"].status is Status.WARNING
    assert "db upgrade" in findings["database.reachable"].remedy
    assert findings["database.version"].found == "because there is no database yet"
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_is_one_error_and_the_rest_names_it(configured: Configured, look: Look) -> None:
    findings = look(configured(warehouse_url=f"mysql+pymysql://user:hunter2@127.0.0.1:{free_port()}/netsuite"))
    reachable = findings.pop("database.reachable")
    assert reachable.status is Status.ERROR
    assert "check host and port of WAREHOUSE_URL" in reachable.found
    assert {finding.found for finding in findings.values()} == {"because of this error: connect to WAREHOUSE_URL"}
    assert "hunter2" not in str([reachable, findings])


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [
        ("8.4.2", Status.OK, "MySQL 8.4.2"),
        ("8.0.36-0ubuntu0", Status.OK, "MySQL 8.0.36"),
        ("5.7.44-log", Status.WARNING, "MySQL 5.7.44; imports are tested on 8.0 and later"),
        ("10.11.6-MariaDB-0+deb12u1", Status.OK, "MariaDB 10.11.6"),
        ("5.5.5-11.4.2-MariaDB", Status.OK, "MariaDB 11.4.2"),
        ("10.6.18-MariaDB", Status.WARNING, "MariaDB 10.6.18; imports are tested on 10.11 and later"),
    ],
)
def test_versions(version: str, status: Status, said: str) -> None:
    answer = version_answer(version)
    assert (answer.status, answer.found) == (status, said)


def test_a_session_that_is_not_strict_is_an_error() -> None:
    assert mode_answer(f"{SQL_MODE},ANSI_QUOTES").status is Status.OK
    answer = mode_answer(SQL_MODE.replace("STRICT_ALL_TABLES,", ""))
    assert (answer.status, answer.found) == (
        Status.ERROR,
        "STRICT_ALL_TABLES missing although the session sets it",
    )


@pytest.mark.parametrize(
    ("packet", "status"),
    [(64, Status.OK), (8, Status.OK), (4, Status.WARNING), (1, Status.WARNING), (0.5, Status.ERROR)],
)
def test_packets_take_the_statements_of_imports(packet: float, status: Status) -> None:
    assert packet_answer(int(packet * MEBIBYTE)).status is status


@pytest.mark.parametrize(
    ("most", "used", "status"), [(151, 3, Status.OK), (20, 10, Status.WARNING), (10, 1, Status.ERROR)]
)
def test_every_writer_finds_a_connection(most: int, used: int, status: Status) -> None:
    assert connections_answer(most=most, used=used, runs=2, writers=2).status is status


@pytest.mark.parametrize(("seconds", "status"), [(1.9, Status.OK), (2.1, Status.WARNING), (-60, Status.WARNING)])
def test_clocks_of_machines_are_compared(seconds: float, status: Status) -> None:
    assert skew_answer(dt.timedelta(seconds=seconds)).status is status
