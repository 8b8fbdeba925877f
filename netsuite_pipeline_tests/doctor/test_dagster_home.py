"""DAGSTER_HOME and Dagster's storage: seen before Dagster is loaded, which would make what is missing."""

from pathlib import Path

import pytest

from netsuite_pipeline.doctor.dagster_home import DagsterHome, home_checks
from netsuite_pipeline.doctor.finding import Finding, Status
from netsuite_pipeline_tests.doctor.conftest import Configured, found
from netsuite_pipeline_tests.ports import free_port


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return folder


def _findings(folder: Path | str, configured: Configured, **changes: object) -> dict[str, Finding]:
    return found(home_checks(DagsterHome(str(folder)), configured(**changes)))


def _with_runs(home: Path) -> None:
    (home / "history").mkdir()
    (home / "history" / "runs.db").touch()


@pytest.mark.parametrize(("folder", "said"), [("", "is not set"), ("dagster", "no absolute path of a folder")])
def test_a_folder_that_cannot_be_used_is_an_error(configured: Configured, folder: str, said: str) -> None:
    findings = _findings(folder, configured)
    assert findings["dagster.home"].status is Status.ERROR
    assert said in findings["dagster.home"].found
    assert findings["dagster.storage"].status is Status.NOT_CHECKED


def test_a_folder_without_dagster_yaml_is_a_warning(configured: Configured, home: Path) -> None:
    (home / "dagster.yaml").unlink()
    assert _findings(home, configured)["dagster.home"].status is Status.WARNING


def test_a_dagster_yaml_that_cannot_be_read_is_an_error(configured: Configured, home: Path) -> None:
    (home / "dagster.yaml").write_text("storage: [")
    assert _findings(home, configured)["dagster.home"].status is Status.ERROR


def test_a_storage_that_is_not_made_yet_is_not_made(configured: Configured, home: Path) -> None:
    finding = _findings(home, configured)["dagster.storage"]
    assert finding.status is Status.ERROR
    assert "dagster instance info" in finding.remedy
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_sqlite_storage_is_well_for_an_sqlite_warehouse_alone(configured: Configured, home: Path) -> None:
    _with_runs(home)
    assert _findings(home, configured)["dagster.storage"].status is Status.OK
    finding = _findings(home, configured, warehouse_url="mysql+pymysql://u:p@127.0.0.1/d")["dagster.storage"]
    assert (finding.status, "for trying" in finding.found) == (Status.WARNING, True)


def test_mysql_storage_without_tables_is_an_error_and_gets_none(
    configured: Configured, home: Path, mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "dagster.yaml").write_text("storage: {mysql: {mysql_url: {env: DAGSTER_MYSQL_URL}}}\n")
    monkeypatch.setenv("DAGSTER_MYSQL_URL", mariadb_url)
    for _ in range(2):
        finding = _findings(home, configured)["dagster.storage"]
        assert (finding.status, "has no tables of Dagster's yet" in finding.found) == (Status.ERROR, True)


def test_mysql_storage_that_is_down_is_an_error_without_the_password(
    configured: Configured, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "dagster.yaml").write_text("storage: {mysql: {mysql_url: {env: DAGSTER_MYSQL_URL}}}\n")
    monkeypatch.setenv("DAGSTER_MYSQL_URL", f"mysql+pymysql://user:hunter2@127.0.0.1:{free_port()}/dagster")
    finding = _findings(home, configured)["dagster.storage"]
    assert finding.status is Status.ERROR
    assert finding.found.startswith("Connecting to mysql+pymysql://user:***@127.0.0.1")
    assert "hunter2" not in str(finding)


def test_mysql_storage_that_is_given_in_parts_is_looked_at_too(
    configured: Configured, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PASSWORD", "hunter2")
    parts = f"username: user, password: {{env: DAGSTER_PASSWORD}}, hostname: 127.0.0.1, port: {free_port()}, db_name: d"
    (home / "dagster.yaml").write_text(f"storage: {{mysql: {{mysql_db: {{{parts}}}}}}}\n")
    finding = _findings(home, configured)["dagster.storage"]
    assert finding.status is Status.ERROR
    assert finding.found.startswith("Connecting to mysql+pymysql://user:***@127.0.0.1")
