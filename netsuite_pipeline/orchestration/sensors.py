"""The two sensors: one carries planned imports out, one keeps the batches in the UI up to date.

Shells only. What to dispatch is decided in `waves.coordinator`, which batches there are in `waves.planner`.
"""

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg

from netsuite_pipeline.netsuite.auth import auth_for
from netsuite_pipeline.netsuite.errors import QueryCancelled, QueryRejected
from netsuite_pipeline.netsuite.reading import MeteredQueries
from netsuite_pipeline.orchestration.concurrency import ensure_pool, pool_limit, share_of
from netsuite_pipeline.orchestration.dispatch_watch import watch
from netsuite_pipeline.orchestration.faults import EXPECTED
from netsuite_pipeline.orchestration.import_start import NetSuiteSource
from netsuite_pipeline.orchestration.jobs import ImportJob
from netsuite_pipeline.orchestration.outages import SourceWatch, asking
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.warehouse.missing_columns import account_of
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.change_planning import Unavailable
from netsuite_pipeline.waves.errors import PlanError, PlanningBusy
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.planner import RangePlan
from netsuite_pipeline.waves.planning import discover
from netsuite_pipeline.waves.store import WaveStore

# The daemon looks at its sensors every 5 s; a lower interval makes it take every chance.
_DISPATCH_SECONDS = 3
# A tick that failed or was cut short is followed by the next one soon, a finished round by a pause.
_DISCOVERY_SECONDS = 30
_DISCOVERY_PAUSE = dt.timedelta(minutes=15)
_FINISHED = "finished "
# A sensor's answer is due after 60 s (DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS): what is not counted after the budget is
# left, and a request in flight then ends by its timeout. What takes longer is counted by the import itself.
_DISCOVERY_BUDGET_SECONDS = 30.0
_DISCOVERY_TIMEOUT_SECONDS = 20.0
# What is wrong with one record type only; the others go on.
_OF_ONE_TYPE = (QueryRejected, QueryCancelled, PlanError)


def build_dispatcher_sensor(catalog: Catalog, import_jobs: Sequence[ImportJob]) -> dg.SensorDefinition:
    """The sensor that launches the runs of waves."""

    @dg.sensor(
        name="wave_dispatcher",
        jobs=import_jobs,
        minimum_interval_seconds=_DISPATCH_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Dispatches the waves of every import under way, level by level.",
    )
    def wave_dispatcher(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        try:
            settings = pipeline.settings()
            ensure_pool(context.instance)
            with pipeline.engine() as engine:
                ensure_tables(engine, warehouse_metadata(catalog))
                store = WaveStore(engine)
                runs = pool_limit(context.instance)
                dispatcher = WaveDispatcher(
                    instance=context.instance,
                    store=store,
                    limits=replace(Limits.of(settings, catalog), runs_at_once=runs),
                    record_types=catalog.names,
                    declarations=catalog.digest,
                    watch=SourceWatch(store=store, account=account_of(settings), ask=asking(pipeline)),
                    unfit=_unfit(settings, runs),
                )
                answers = watch(dispatcher.tick, store.pulse)
        except EXPECTED as error:
            answers = (dg.SkipReason(f"Nothing can be dispatched: {error}"),)
        yield from answers

    return wave_dispatcher


def _unfit(settings: Settings, runs: int | None) -> str | None:
    """Why no run could import with these settings, one of `runs` at once; None if it can."""
    try:
        share_of(settings, runs=runs)
        auth_for(settings)
    except SettingsError as error:
        return f"Nothing is dispatched: {error}"
    return None


def build_discovery_sensor(catalog: Catalog) -> dg.SensorDefinition:
    """The sensor that shows batches in the UI before anyone plans an import."""

    @dg.sensor(
        name="batch_discovery",
        minimum_interval_seconds=_DISCOVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks NetSuite for new records and adds their batches as partitions of the assets.",
    )
    def batch_discovery(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SkipReason:
        finished = _finished_at(context.cursor, catalog)
        if finished is not None and utc_now() - finished < _DISCOVERY_PAUSE:
            return dg.SkipReason(f"All batches were brought up to date at {finished:%H:%M} UTC.")
        try:
            return dg.SkipReason(_discover(context, catalog, pipeline))
        except EXPECTED as error:
            return dg.SkipReason(f"Batches could not be brought up to date: {error}")

    return batch_discovery


def _discover(context: dg.SensorEvaluationContext, catalog: Catalog, pipeline: PipelineResource) -> str:
    """Goes on with the record type after the one in the cursor; returns what was found, as a sentence."""
    batch_size = pipeline.settings().batch_size
    found: list[str] = []
    with pipeline.engine() as engine:
        ensure_tables(engine, warehouse_metadata(catalog))
        store, registry = WaveStore(engine), PartitionRegistry(context.instance)
        with (
            pipeline.client(timeout=_DISCOVERY_TIMEOUT_SECONDS) as client,
            _set_after(_DISCOVERY_BUDGET_SECONDS) as cancelled,
        ):
            queries = MeteredQueries(client, cancelled)
            source = NetSuiteSource(queries=queries, catalog=catalog, batch_size=batch_size)
            for name in _left(context.cursor, catalog):
                before = context.cursor
                # Before asking, so that a type that cannot be counted does not keep the next tick from the others.
                context.update_cursor(f"{name} {catalog.digest}")
                try:
                    plan = discover(name, source=source, registry=registry, store=store, batch_size=batch_size)
                    found.append(_found(name, plan))
                except PlanningBusy:
                    context.update_cursor(before)
                    raise
                except _OF_ONE_TYPE as error:
                    found.append(f"{name} failed ({error})")
                if cancelled.is_set():
                    return "; ".join(found)
    context.update_cursor(f"{_FINISHED}{utc_now().isoformat()} {catalog.digest}")
    return "; ".join(found)


@contextmanager
def _set_after(seconds: float) -> Iterator[threading.Event]:
    event = threading.Event()
    timer = threading.Timer(seconds, event.set)
    timer.start()
    try:
        yield event
    finally:
        timer.cancel()


def _left(cursor: str | None, catalog: Catalog) -> Sequence[str]:
    """The record types after the one in the cursor; all of them if they were declared otherwise then."""
    name, _, digest = (cursor or "").partition(" ")
    names = catalog.names
    return names[names.index(name) + 1 :] if digest == catalog.digest and name in names else names


def _finished_at(cursor: str | None, catalog: Catalog) -> dt.datetime | None:
    """When a round over these record types ended; None if none has, or they were declared otherwise then."""
    if cursor is None or not cursor.startswith(_FINISHED):
        return None
    moment, _, digest = cursor.removeprefix(_FINISHED).partition(" ")
    return dt.datetime.fromisoformat(moment) if digest == catalog.digest else None


def _found(name: str, plan: RangePlan | Unavailable) -> str:
    if isinstance(plan, Unavailable):
        return f"{name} is unavailable ({plan.reason})"
    return f"{name}: {len(plan.keep)} batches kept, {len(plan.add)} added"
