"""What a look of the dispatcher costs as an import grows: `python -m benchmarks.look_cost`.

The whole look, on a private MariaDB and a Dagster instance, with the runs of a wave in flight, in the middle of an
import and beside a year of others that have ended. No run does anything. Nothing is saved.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import dagster as dg
from sqlalchemy import ColumnElement, Engine, MetaData, event, exists, update

from benchmarks.simulated_queue import RunQueue
from benchmarks.simulated_tenants import START, Simulation, Tenant
from benchmarks.wave_simulation import first_come
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, JobStatus, WaveStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import import_jobs, wave_batches, wave_coordination, wave_metadata
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

_LOOKS = 10
_BATCHES_OF_A_PAST_JOB = 500


@dataclass(frozen=True, kw_only=True)
class LookCost:
    """Of an import of so many `batches`: seconds of the look that dispatches, and of one after it (median), what that
    one asks the warehouse, and the batches that are in flight.
    """

    batches: int
    dispatching: float
    looking: float
    statements: int
    in_flight: int


def measure(server: MariaDBServer, *, batches: int, past: int) -> LookCost:
    """Looks at an import that is half done, beside `past` others that have ended."""
    name = f"look_{batches}"
    engine = connect(server.create_database(name))
    limits = replace(Limits.of(Settings.load()), runs_at_once=2)
    try:
        store = _store(engine, limits, batches=batches, past=past)
        with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
            dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
            started = time.perf_counter()
            answers = list(dispatcher.tick())
            dispatching = time.perf_counter() - started
            _launch(instance, answers)
            list(dispatcher.tick())
            seconds = []
            with _counted(engine) as statements:
                for _ in range(_LOOKS):
                    started = time.perf_counter()
                    list(dispatcher.tick())
                    seconds.append(time.perf_counter() - started)
            in_flight = sum(
                len(one.dispatch.batches) for job in store.open_jobs() for one in store.in_flight(job.job_id)
            )
    finally:
        engine.dispose()
        server.drop_database(name)
    return LookCost(
        batches=batches,
        dispatching=dispatching,
        looking=median(seconds),
        statements=len(statements) // _LOOKS,
        in_flight=in_flight,
    )


def _store(engine: Engine, limits: Limits, *, batches: int, past: int) -> WaveStore:
    """The past imports, all of them completed, and one whose first half of waves is."""
    metadata = MetaData()
    wave_metadata(metadata)
    metadata.create_all(engine)
    store = WaveStore(engine)
    simulation = Simulation(queue=RunQueue(runs=1, pool=1), limits=limits, rule=first_come, failing=0.0, seed=1)
    for number in range(past):
        simulation.add(Tenant(name=f"past-{number}", store=store), _BATCHES_OF_A_PAST_JOB)
    _complete(engine)
    with engine.begin() as connection:
        connection.execute(update(import_jobs).values(status=JobStatus.COMPLETED, finished_at=START))
    simulation.add(Tenant(name="now", store=store), batches)
    (job,) = store.open_jobs()
    waves = [wave.number for wave in store.load_state(job.job_id, now=START).waves]
    _complete(engine, wave_coordination.c.job_id == job.job_id, wave_coordination.c.wave_number <= len(waves) // 2)
    return store


def _complete(engine: Engine, *of: ColumnElement[bool]) -> None:
    """As if these waves were completed, and Dagster knew it."""
    over = {"status": WaveStatus.COMPLETED, "completed_batches": wave_coordination.c.total_batches}
    done = {"status": BatchStatus.COMPLETED, "attempt": 1, "completed_at": START, "reported_at": START}
    with engine.begin() as connection:
        connection.execute(update(wave_coordination).where(*of).values(**over, completed_at=START))
        mine = (wave_coordination.c.job_id == wave_batches.c.job_id) & (
            wave_coordination.c.wave_number == wave_batches.c.wave_number
        )
        is_over = exists().where(mine, *of)
        connection.execute(update(wave_batches).where(is_over).values(done))


def _launch(instance: dg.DagsterInstance, answers: Sequence[dg.RunRequest | dg.SkipReason]) -> None:
    """The runs that are asked for, as good as started."""

    @dg.job
    def nothing() -> None: ...

    for answer in answers:
        if isinstance(answer, dg.RunRequest):
            instance.create_run_for_job(nothing, tags=dict(answer.tags), status=dg.DagsterRunStatus.STARTING)


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--past", type=int, default=365, help=f"imports of {_BATCHES_OF_A_PAST_JOB} batches before")
    chosen = parser.parse_args(arguments)
    logging.getLogger("netsuite_pipeline").setLevel(logging.ERROR)
    with MariaDBServer() as server:
        for batches in chosen.batches:
            cost = measure(server, batches=batches, past=chosen.past)
            print(
                f"{cost.batches:>7,} batches, {chosen.past} imports before: a look {1000 * cost.looking:.0f} ms and"
                f" {cost.statements} statements with {cost.in_flight} batches in flight; one that dispatches"
                f" {1000 * cost.dispatching:.0f} ms"
            )


if __name__ == "__main__":
    main()
