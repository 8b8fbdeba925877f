"""Dagster's instance: limits against settings, daemons and sensors, the code location."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.doctor.dagster_home import DagsterHome
from netsuite_pipeline.doctor.dagster_instance import (
    Deployment,
    daemons_answer,
    in_flight_answer,
    instance_checks,
    pool_answer,
    runs_at_once,
    sensors_answer,
    threads_answer,
)
from netsuite_pipeline.doctor.finding import Finding, Status
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.doctor.conftest import Configured, found

NOW = dt.datetime(2026, 11, 26, 3, tzinfo=dt.UTC)
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shipped dagster.yaml and the storage that Dagster made."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(folder)):
        pass
    return folder


@pytest.fixture
def findings(configured: Configured, home: Path) -> Iterator[dict[str, Finding]]:
    """What a doctor finds of a deployment as it is shipped, whose daemon has not been started."""
    with Deployment(configured(), DagsterHome(str(home))) as deployment:
        yield found(instance_checks(deployment))


def test_the_shipped_instance_fits_the_settings_and_misses_its_daemon(findings: dict[str, Finding]) -> None:
    daemon = findings.pop("dagster.daemon")
    assert (daemon.status, daemon.remedy.startswith("start it")) == (Status.ERROR, True)
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert findings["dagster.batches_in_flight"].found == "75 x 2 = 150; WAVE_SIZE=300"
    assert findings["dagster.code_location"].found == "23 assets, 2 sensors"
    assert findings["dagster.pool"].found.startswith("2 runs at once with 2 requests each")


def test_a_code_location_that_does_not_load_is_an_error(configured: Configured, home: Path) -> None:
    with Deployment(configured(adopt_tables="planets"), DagsterHome(str(home))) as deployment:
        finding = found(instance_checks(deployment))["dagster.code_location"]
    assert finding.status is Status.ERROR
    assert "ADOPT_TABLES" in finding.found


def test_asking_for_the_number_of_runs_loads_no_instance(configured: Configured, tmp_path: Path) -> None:
    with Deployment(configured(), DagsterHome(str(tmp_path))) as deployment:
        assert deployment.runs() is None
    assert list(tmp_path.iterdir()) == []


def _limited(*, queued: int, pool: int | None, granularity: str) -> Any:
    """An instance with these limits."""
    concurrency = SimpleNamespace(
        run_queue_config=SimpleNamespace(max_concurrent_runs=queued),
        pool_config=SimpleNamespace(default_pool_limit=pool, pool_granularity=SimpleNamespace(value=granularity)),
    )
    storage = SimpleNamespace(get_pool_limits=list)
    return SimpleNamespace(get_concurrency_config=lambda: concurrency, event_log_storage=storage)


@pytest.mark.parametrize(
    ("granularity", "pool", "queued", "runs"),
    [
        ("run", 2, 10, 2),
        ("run", 20, 10, 10),
        ("op", 2, 10, 10),
        ("run", 2, -1, 2),
        ("run", None, -1, None),
    ],
)
def test_runs_are_limited_by_the_pool_and_the_queue(
    granularity: str, pool: int | None, queued: int, runs: int | None
) -> None:
    assert runs_at_once(_limited(queued=queued, pool=pool, granularity=granularity)) == runs


@pytest.mark.parametrize(
    ("runs", "batches", "status"), [(12, 25, Status.OK), (13, 25, Status.ERROR), (None, 25, Status.WARNING)]
)
def test_a_backfill_keeps_to_the_wave_size(runs: int | None, batches: int, status: Status) -> None:
    answer = in_flight_answer(runs, run_batches=batches, wave_size=300)
    assert answer.status is status
    assert status is not Status.ERROR or "RUN_BATCHES=23" in answer.remedy


@pytest.mark.parametrize(
    ("settings", "companies", "status"),
    [
        ({"use_threads": True, "num_workers": 32}, 1, Status.OK),
        ({"use_threads": True, "num_workers": 32}, 28, Status.OK),
        ({"use_threads": True, "num_workers": 32}, 29, Status.WARNING),
        ({"use_threads": True}, 29, Status.OK),
        ({"num_workers": 32}, 1, Status.WARNING),
        ({}, 1, Status.WARNING),
    ],
)
def test_sensors_have_threads_enough_for_all_companies(
    settings: dict[str, Any], companies: int, status: Status
) -> None:
    assert threads_answer(settings, companies=companies).status is status


def test_the_shipped_settings_have_threads_for_sensors(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert threads_answer(instance.get_sensor_settings(), companies=1).status is Status.OK


@pytest.mark.parametrize(
    ("limit", "concurrency", "status"),
    [(2, 5, Status.OK), (2, 2, Status.OK), (3, 2, Status.ERROR), (0, 5, Status.ERROR), (None, 5, Status.WARNING)],
)
def test_every_run_of_the_pool_gets_a_request(limit: int | None, concurrency: int, status: Status) -> None:
    assert pool_answer(limit, settings=Settings(netsuite_concurrency=concurrency)).status is status


class Daemons:
    """An instance whose daemons were last heard of so many seconds before NOW; None: never."""

    def __init__(self, **seconds: float | None) -> None:
        self._seconds = seconds

    def get_daemon_statuses(self) -> dict[str, Any]:
        return {name: self._status(seconds) for name, seconds in self._seconds.items()}

    def _status(self, seconds: float | None) -> Any:
        beat = None if seconds is None else SimpleNamespace(timestamp=NOW.timestamp() - seconds)
        return SimpleNamespace(required=True, healthy=seconds is not None and seconds < 60, last_heartbeat=beat)


@pytest.mark.parametrize(
    ("daemons", "status", "said"),
    [
        (Daemons(SENSOR=5, BACKFILL=9), Status.OK, "2 daemons, the last heartbeat 5 s ago"),
        (Daemons(SENSOR=None, BACKFILL=None), Status.ERROR, "there was never one"),
        (Daemons(SENSOR=1200, BACKFILL=1300), Status.ERROR, "its last heartbeat was 20 min ago"),
        (Daemons(SENSOR=1200, BACKFILL=3), Status.ERROR, "silent: SENSOR"),
    ],
)
def test_a_silent_daemon_is_an_error(daemons: Any, status: Status, said: str) -> None:
    answer = daemons_answer(daemons, NOW)
    assert answer.status is status
    assert said in answer.found


class Sensors:
    """An instance that knows sensors: whether each is on, how its last evaluation ended, and how long ago that was."""

    def __init__(self, **known: tuple[bool, str, float]) -> None:
        self._known = known

    def all_instigator_state(self) -> list[Any]:
        return [
            SimpleNamespace(instigator_name=name, is_running=on, instigator_origin_id=name, selector_id=name)
            for name, (on, _, _) in self._known.items()
        ]

    def get_ticks(self, origin_id: str, selector_id: str, *, limit: int) -> list[Any]:
        _, status, seconds = self._known[origin_id]
        error = SimpleNamespace(message="KeyError: 'x'\nand more") if status == "FAILURE" else None
        moment = NOW.timestamp() - seconds
        return [SimpleNamespace(status=SimpleNamespace(value=status), timestamp=moment, error=error)][:limit]


@pytest.mark.parametrize(
    ("sensors", "status", "said"),
    [
        (Sensors(), Status.OK, "nightly_import is off, weekly_import is off"),
        (
            Sensors(wave_dispatcher=(True, "SKIPPED", 5), nightly_import=(True, "SKIPPED", 9999)),
            Status.OK,
            "nightly_import is on, weekly_import is off",
        ),
        (Sensors(wave_dispatcher=(False, "SKIPPED", 5)), Status.ERROR, "wave_dispatcher is switched off"),
        (
            Sensors(batch_discovery=(True, "FAILURE", 60)),
            Status.ERROR,
            "batch_discovery failed 60 s ago: KeyError: 'x'",
        ),
        (
            Sensors(wave_dispatcher=(True, "SUCCESS", 3600)),
            Status.ERROR,
            "wave_dispatcher was last evaluated 60 min ago",
        ),
    ],
)
def test_sensors_are_on_and_evaluated(sensors: Any, status: Status, said: str) -> None:
    answer = sensors_answer(sensors, NOW)
    assert answer.status is status
    assert answer.found.endswith(said)
