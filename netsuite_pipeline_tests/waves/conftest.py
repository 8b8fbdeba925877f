"""Fixtures of the wave tests: an empty store on SQLite and on MariaDB, and small plans to put in it."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, delete

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.failure_policy import FINAL
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, RecordTypePlan, batch_id
from netsuite_pipeline.waves.planner import plan_waves
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import (
    import_job_types,
    import_jobs,
    run_heartbeats,
    source_circuits,
    wave_batches,
    wave_coordination,
    wave_metadata,
)
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

NOW = dt.datetime.fromisoformat("2026-11-23T02:00:00")
JOB = "job-1"
LIMITS = Limits(
    wave_size=300,
    run_batches=5,
    completion_threshold=90,
    inter_wave_delay=0,
    retry_attempts=3,
    outage_timeout=3600,
    wave_timeout=1800,
    retryable=frozenset(FailureCategory) - FINAL,
    continue_on_permanent=True,
    coordination=True,
)


@pytest.fixture
def now() -> dt.datetime:
    """The time at which the tests' stories begin (naive UTC)."""
    return NOW


@pytest.fixture(scope="session")
def server_database(mariadb_server: MariaDBServer) -> Iterator[Engine]:
    """One MariaDB database for all wave tests: creating tables costs more than most of them."""
    engine = connect(mariadb_server.create_database("waves"))
    _create_tables(engine)
    yield engine
    engine.dispose()
    mariadb_server.drop_database("waves")


@pytest.fixture(params=["sqlite", "mariadb"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database that holds the empty wave tables and nothing else, on SQLite and on MariaDB."""
    if request.param == "mariadb":
        server: Engine = request.getfixturevalue("server_database")
        with server.begin() as connection:
            for table in (
                wave_batches,
                wave_coordination,
                import_job_types,
                import_jobs,
                run_heartbeats,
                source_circuits,
            ):
                connection.execute(delete(table))
        yield server
        return
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    _create_tables(engine)
    yield engine
    engine.dispose()


def _create_tables(engine: Engine) -> None:
    metadata = MetaData()
    wave_metadata(metadata)
    metadata.create_all(engine)


@pytest.fixture
def store(engine: Engine) -> WaveStore:
    """The store over that engine."""
    return WaveStore(engine)


@pytest.fixture
def limits() -> Limits:
    """The documented defaults, but runs of five batches and no delay between waves."""
    return LIMITS


SavePlan = Callable[..., list[RecordTypePlan]]


@pytest.fixture
def planned(store: WaveStore) -> SavePlan:
    """Stores a running job whose record types have so many batches of ten ids: {name: (level, batches)}."""

    def save(
        types: dict[str, tuple[int, int]], *, job: str = JOB, wave_size: int = 300, first: int = 0
    ) -> list[RecordTypePlan]:
        plans = [
            RecordTypePlan(record_type=name, level=level, available=True, expected_records=count * 10)
            for name, (level, count) in types.items()
        ]
        by_level: dict[int, list[Batch]] = {}
        for number, (name, (level, count)) in enumerate(types.items()):
            by_level.setdefault(level, []).extend(_batches(job, name, -number - 1, count, first))
        store.create_job(job, record_types=list(types), with_dependencies=True, trigger="cli", now=NOW)
        waves = plan_waves(by_level, wave_size=wave_size)
        assert store.save_plan(job, types=plans, waves=waves, now=NOW)
        return plans

    return save


def _batches(job: str, name: str, type_id: int, count: int, first: int) -> list[Batch]:
    ranges = [BatchRange(first + n * 10, first + n * 10 + 9) for n in range(count)]
    return [
        Batch(
            batch_id=batch_id(job, type_id, within),
            record_type=name,
            record_type_id=type_id,
            range=within,
            batch_number=number,
            expected_records=10,
            max_retries=LIMITS.retry_attempts,
        )
        for number, within in enumerate(ranges)
    ]
