"""A downgrade while imports are under way: nothing of what they write is lost without --yes."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.upgrade import upgrade
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline.waves.model import OPEN_JOBS, JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.warehouse.migration_samples import create, declared, insert_widgets, schema, set_widget

silent = [].append


@pytest.fixture
def upgraded(warehouse_url: str) -> Iterator[sa.Engine]:
    """A warehouse with rows, whose upgrade added an empty column and widened another."""
    engine = _upgraded(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def on_mariadb(mariadb_url: str) -> Iterator[sa.Engine]:
    """The same on MariaDB, where imports can write between two steps."""
    engine = _upgraded(mariadb_url)
    yield engine
    engine.dispose()


def _upgraded(url: str) -> sa.Engine:
    engine = connect(url)
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50)"), ("class_id BIGINT, \n\t", "")])
    insert_widgets(engine)
    upgrade(engine, declared(), widen=True, report=silent)
    return engine


def insert(engine: sa.Engine, table: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(declared().tables[table]).values(values))


def insert_job(engine: sa.Engine, status: JobStatus) -> None:
    job = {"record_types": "[]", "with_dependencies": False, "trigger": "test", "created_at": utc_now()}
    insert(engine, "import_jobs", job_id="my-job", status=status, **job)


@pytest.mark.parametrize("status", sorted(OPEN_JOBS))
def test_an_open_import_stops_a_downgrade_without_yes(upgraded: sa.Engine, status: JobStatus) -> None:
    insert_job(upgraded, status)
    before = schema(upgraded)
    with pytest.raises(ChangeRefused, match=rf"Nothing was changed, because import my-job is {status} and may write"):
        downgrade(upgraded, yes=False, report=silent)
    assert schema(upgraded) == before
    assert downgrade(upgraded, yes=True, report=silent).number == 1


def test_a_run_that_is_alive_stops_a_downgrade_without_yes(upgraded: sa.Engine) -> None:
    insert(upgraded, "run_heartbeats", run_id="my-run", heartbeat_at=utc_now() - dt.timedelta(seconds=5))
    with pytest.raises(ChangeRefused, match="because run my-run is alive"):
        downgrade(upgraded, yes=False, report=silent)
    assert downgrade(upgraded, yes=True, report=silent).number == 1


def test_what_is_over_stops_no_downgrade(upgraded: sa.Engine) -> None:
    insert_job(upgraded, JobStatus.COMPLETED)
    insert(upgraded, "run_heartbeats", run_id="my-run", heartbeat_at=utc_now() - dt.timedelta(seconds=60))
    # The daemon looks whether or not there is an import.
    WaveStore(upgraded).listen()
    assert downgrade(upgraded, yes=False, report=silent).number == 1


def test_a_column_that_was_filled_meanwhile_is_not_dropped(on_mariadb: sa.Engine) -> None:
    def report(title: str) -> None:
        if title.startswith("drop column"):
            set_widget(on_mariadb, "class_id", 7)

    with pytest.raises(
        ChangeRefused, match=r"stopped at step 2 of 2 .*would drop data: column widgets.class_id \(1 row"
    ):
        downgrade(on_mariadb, yes=False, report=report)
    with on_mariadb.connect() as connection:
        assert connection.exec_driver_sql("SELECT sum(class_id) FROM widgets").scalar() == 7
    assert downgrade(on_mariadb, yes=True, report=silent).number == 1


@pytest.mark.parametrize("yes", [False, True])
def test_a_value_that_became_longer_meanwhile_is_not_cut(on_mariadb: sa.Engine, yes: bool) -> None:
    def report(title: str) -> None:
        if title.startswith("narrow column"):
            set_widget(on_mariadb, "name", "x" * 51)

    with pytest.raises(
        ChangeRefused, match=r"stopped at step 1 of 2 \(nothing was changed\), because column widgets.n"
    ):
        downgrade(on_mariadb, yes=yes, report=report)
