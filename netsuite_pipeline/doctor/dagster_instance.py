"""Dagster's instance: its daemons, sensors and limits, and whether the code location loads.

The only module of the doctor that knows Dagster. Nothing is launched, and no sensor is evaluated.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import dagster as dg

from netsuite_pipeline.doctor.dagster_home import HOME, STORAGE, DagsterHome
from netsuite_pipeline.doctor.finding import Answer, Check, Group, error, listed, ok, warning
from netsuite_pipeline.doctor.settings import LOAD, RECORD_TYPES, Configuration
from netsuite_pipeline.doctor.tenants import turns_answer
from netsuite_pipeline.orchestration.concurrency import pool_limit, share_of
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import netsuite_pool, pool_of
from netsuite_pipeline.orchestration.schedules import NIGHTLY, WEEKLY
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.tenancy.activation import chosen_tenants
from netsuite_pipeline.tenant_name import tenant_of_process

INSTANCE = "dagster.instance"

_START = "start it where this DAGSTER_HOME is: dagster-daemon run -w workspace.yaml"
_LIMITS = "set `concurrency` in dagster.yaml as the project's file does, then restart the daemon"
_SENSORS = ("wave_dispatcher", "batch_discovery")
_SCHEDULES = (NIGHTLY, WEEKLY)
# The daemon looks every few seconds; a tick may take a minute.
_SILENT = dt.timedelta(minutes=10)
_SPARE_THREADS = 4


class Deployment:
    """The instance as one doctor looks at it."""

    def __init__(self, configuration: Configuration, home: DagsterHome) -> None:
        self.configuration = configuration
        self._home = home
        self._open = ExitStack()
        self._instance: dg.DagsterInstance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def instance(self) -> dg.DagsterInstance:
        """The instance, loaded when it is first asked for."""
        if self._instance is None:
            self._instance = self._open.enter_context(dg.DagsterInstance.from_config(self._home.folder))
        return self._instance

    def runs(self) -> int | None:
        """How many runs may import at once; None if nobody knows, or as long as the instance is not loaded.

        Loading it is for the check that comes after a look at its storage.
        """
        return None if self._instance is None else runs_at_once(self._instance)


def instance_checks(deployment: Deployment) -> tuple[Check, ...]:
    """The checks of the instance and of the code location."""

    def check(name: str, attempted: str, look: Callable[[], Answer], *needs: str) -> Check:
        needed = (INSTANCE, *needs)
        return Check(id=f"dagster.{name}", group=Group.DAGSTER, attempted=attempted, look=look, needs=needed)

    configuration = deployment.configuration
    turns = check("turns", "runs of all companies", lambda: _turns(deployment.instance))
    return (
        Check(
            id=INSTANCE,
            group=Group.DAGSTER,
            attempted="load the instance",
            look=lambda: _loaded(deployment.instance),
            needs=(HOME, STORAGE),
            remedy="correct dagster.yaml; `dagster instance info` shows how Dagster reads it",
        ),
        Check(
            id="dagster.code_location",
            group=Group.DAGSTER,
            attempted="definitions of the code location",
            look=lambda: _definitions(configuration),
            needs=(RECORD_TYPES,),
            remedy="the daemon cannot load them either: mend what is said here, then restart it",
        ),
        check("daemon", "heartbeats of the daemon", lambda: daemons_answer(deployment.instance, _now())),
        check("sensors", "sensors and the schedule", lambda: sensors_answer(deployment.instance, _now())),
        check(
            "sensor_threads",
            "threads of the daemon for sensors",
            lambda: threads_answer(deployment.instance.get_sensor_settings(), companies=_companies()),
        ),
        check("run_queue", "limit of concurrent runs", lambda: _queue(deployment.instance)),
        check(
            "pool",
            f"pool {netsuite_pool()} against NETSUITE_CONCURRENCY",
            lambda: pool_answer(pool_limit(deployment.instance), settings=configuration.settings),
            LOAD,
        ),
        check(
            "batches_in_flight",
            "RUN_BATCHES x runs against WAVE_SIZE",
            lambda: in_flight_answer(
                deployment.runs(),
                run_batches=configuration.settings.run_batches,
                wave_size=configuration.settings.wave_size,
            ),
            LOAD,
        ),
        *([turns] if tenant_of_process() else []),
    )


def runs_at_once(instance: dg.DagsterInstance) -> int | None:
    """How many runs may import at once: by the pool if it counts runs, and by the run queue; None if neither limits."""
    concurrency = instance.get_concurrency_config()
    queue = concurrency.run_queue_config
    queued = queue.max_concurrent_runs if queue is not None else None
    # Minus one is Dagster's word for no limit.
    limits = [limit for limit in (queued, _pool_of_runs(instance)) if limit is not None and limit >= 0]
    return min(limits) if limits else None


def pool_answer(limit: int | None, *, settings: Settings) -> Answer:
    """Whether the runs that the pool lets talk to NetSuite each get a request."""
    if limit is None:
        return warning("no limit: each run has one request in flight, and there may be any number of runs", _LIMITS)
    if limit < 1:
        return error(f"its limit is {limit}, so no run may talk to NetSuite", _LIMITS)
    try:
        share = share_of(settings, runs=limit)
    except SettingsError as refused:
        return error(
            f"{limit} runs at once, and no request for each of them",
            f"{refused} Counted with the one that is left for planning, NETSUITE_CONCURRENCY less NETSUITE_RESERVE"
            f" should be {limit + 1}.",
        )
    return ok(f"{limit} runs at once with {share.usual} requests each, one left for planning")


def in_flight_answer(runs: int | None, *, run_batches: int, wave_size: int) -> Answer:
    """Whether a backfill keeps to WAVE_SIZE, which waves do by themselves."""
    if runs is None:
        return warning("nothing limits the runs of a backfill, and so its batches in flight", _LIMITS)
    found = f"{run_batches} x {runs} = {run_batches * runs}; WAVE_SIZE={wave_size}"
    if run_batches * runs > wave_size:
        most = max(1, wave_size // max(runs, 1))
        return error(
            f"{found}, which a backfill exceeds", f"set RUN_BATCHES={most}, or lower the limits in dagster.yaml"
        )
    return ok(found)


def daemons_answer(instance: dg.DagsterInstance, now: dt.datetime) -> Answer:
    """Whether each of the daemon's threads has a heartbeat that is recent; `now` is aware."""
    required = {name: status for name, status in instance.get_daemon_statuses().items() if status.required}
    beats = [status.last_heartbeat.timestamp for status in required.values() if status.last_heartbeat is not None]
    silent = sorted(name for name, status in required.items() if not status.healthy)
    if not silent:
        return ok(f"{len(required)} daemons, the last heartbeat {_ago(max(beats), now)}" if beats else "none needed")
    if not beats:
        return error("there was never one: no daemon has run on this storage", _START)
    if len(silent) == len(required):
        return error(f"the daemon is silent, its last heartbeat was {_ago(max(beats), now)}", _START)
    return error(f"silent: {listed(silent)}", f"look into the daemon's log, then restart it: {_START}")


def sensors_answer(instance: dg.DagsterInstance, now: dt.datetime) -> Answer:
    """Whether the sensors are on and are evaluated; `now` is aware."""
    states = instance.all_instigator_state()
    problems = [problem for name in _SENSORS if (problem := _problem(instance, _latest(instance, states, name), now))]
    if problems:
        return error(
            "; ".join(problems), "switch it on, or see its ticks, in the UI under Automation; restart the daemon"
        )
    found = {name: _latest(instance, states, name) for name in _SCHEDULES}
    schedules = (
        f"{name} is {'on' if state is not None and state.is_running else 'off'}" for name, state in found.items()
    )
    return ok(f"{' and '.join(_SENSORS)} are on; {', '.join(schedules)}")


def threads_answer(settings: Mapping[str, Any], *, companies: int) -> Answer:
    """Whether the daemon evaluates the sensors of so many companies side by side; `settings` are `sensors` of
    dagster.yaml.
    """
    remedy = "set `sensors` in dagster.yaml as the project's file does, then restart the daemon"
    if not settings.get("use_threads"):
        return warning("one sensor is evaluated after the other, and wave_dispatcher takes up to 5 s", remedy)
    workers = settings.get("num_workers")
    # Each dispatcher has a thread nearly all the time, and a discovery now and then for half a minute.
    if workers is not None and workers < companies + _SPARE_THREADS:
        return warning(
            f"{workers} threads for {companies} companies, and each company's wave_dispatcher needs one all the time",
            f"set num_workers of `sensors` in dagster.yaml to {companies + _SPARE_THREADS} or more",
        )
    return ok(f"{workers or 'any number of'} threads")


def _companies() -> int:
    return len(chosen_tenants().names) if tenant_of_process() else 1


def _turns(instance: dg.DagsterInstance) -> Answer:
    queue = instance.get_concurrency_config().run_queue_config
    most = queue.max_concurrent_runs if queue is not None else -1
    runs = {name: pool_limit(instance, pool=pool_of(name)) for name in chosen_tenants().names}
    return turns_answer(runs, at_once=most if most >= 0 else None)


def _pool_of_runs(instance: dg.DagsterInstance) -> int | None:
    granularity = instance.get_concurrency_config().pool_config.pool_granularity
    # A pool of operations lets any number of runs start, and wait inside.
    return pool_limit(instance) if granularity is not None and granularity.value == "run" else None


def _loaded(instance: dg.DagsterInstance) -> Answer:
    # Storages that are no SQL databases know no such version.
    versions = getattr(instance.run_storage, "alembic_version", lambda: None)()
    if versions is not None and versions[0] != versions[1]:
        return warning(
            f"its tables are of another version of Dagster ({versions[0]}, not {versions[1]})",
            "stop the services, back the storage up, then: dagster instance migrate",
        )
    return ok(f"Dagster {dg.__version__}")


def _definitions(configuration: Configuration) -> Answer:
    definitions = build_definitions(configuration.catalog, configuration.settings)
    dg.Definitions.validate_loadable(definitions)
    return ok(f"{len(list(definitions.assets or ()))} assets, {len(list(definitions.sensors or ()))} sensors")


def _queue(instance: dg.DagsterInstance) -> Answer:
    queue = instance.get_concurrency_config().run_queue_config
    waiting = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    busy = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]))
    now = f"{busy} running and {waiting} waiting now"
    if queue is None:
        return error(f"there is no run queue, so every run starts at once; {now}", _LIMITS)
    if queue.max_concurrent_runs < 0:
        return warning(f"no limit; {now}", _LIMITS)
    if queue.max_concurrent_runs == 0:
        return error(f"0, so no run ever starts; {now}", _LIMITS)
    return ok(f"{queue.max_concurrent_runs}; {now}")


def _latest(instance: dg.DagsterInstance, states: Iterable[Any], name: str) -> Any | None:
    """The state of the sensor or schedule; of several locations that have it, the one that was evaluated last.

    A tenant's is that of its own location, which is called as the tenant.
    """
    tenant = tenant_of_process()
    mine = [
        state for state in states if state.instigator_name == name and (tenant is None or _location(state) == tenant)
    ]
    return max(mine, key=lambda state: _ticked_at(_tick(instance, state)), default=None)


def _location(state: Any) -> str:
    return str(state.origin.repository_origin.code_location_origin.location_name)


def _tick(instance: dg.DagsterInstance, state: Any) -> Any | None:
    return next(iter(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)), None)


def _ticked_at(tick: Any | None) -> float:
    return 0.0 if tick is None else float(tick.timestamp)


def _problem(instance: dg.DagsterInstance, state: Any | None, now: dt.datetime) -> str:
    """What is wrong with the sensor; empty if nothing is."""
    if state is None:
        # It is on unless someone switched it off; that nobody evaluates it is said by the daemon's heartbeats.
        return ""
    if not state.is_running:
        return f"{state.instigator_name} is switched off"
    tick = _tick(instance, state)
    if tick is None:
        return ""
    if tick.status.value == "FAILURE":
        said = tick.error.message.strip().splitlines()[0] if tick.error is not None else "without a reason"
        return f"{state.instigator_name} failed {_ago(tick.timestamp, now)}: {said}"
    if now.timestamp() - tick.timestamp > _SILENT.total_seconds():
        return f"{state.instigator_name} was last evaluated {_ago(tick.timestamp, now)}"
    return ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _ago(timestamp: float, now: dt.datetime) -> str:
    seconds = int(max(now.timestamp() - timestamp, 0))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"
