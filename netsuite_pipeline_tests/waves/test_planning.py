"""Planning a job end to end, with counts and a registry in memory and the plan in a real database."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog, CatalogError
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy
from netsuite_pipeline.record_types.model import RecordType, Source
from netsuite_pipeline.waves import planning
from netsuite_pipeline.waves.change_planning import Unavailable
from netsuite_pipeline.waves.errors import JobEnded, PlanningBusy
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.planner import RangePlan
from netsuite_pipeline.waves.planning import JobPlan, discover, plan_job
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.settling import Measured
from netsuite_pipeline.waves.store import WaveStore

JOB = "job-1"
LATER = dt.datetime.fromisoformat("2026-11-23T03:00:00")


def declared(name: str, number: int, *depends_on: str) -> RecordType:
    return RecordType(name=name, id=-number, table=name, source=Source(table=name), fields=(), depends_on=depends_on)


CATALOG = Catalog(
    [declared("subsidiary", 1), declared("price_level", 2), declared("customer", 3, "subsidiary", "price_level")]
)


@dataclass(frozen=True)
class Bucket:
    first: int
    last: int
    records: int


@dataclass
class Account:
    """Counts ids per type, in buckets of ten; a type without ids is unavailable; an error is raised."""

    ids: dict[str, list[int]]
    broken: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[str, int | None]] = field(default_factory=list)

    def measure(self, record_type: str, from_id: int | None) -> Measured | Unavailable:
        self.asked.append((record_type, from_id))
        if record_type in self.broken:
            raise self.broken[record_type]
        if record_type not in self.ids:
            return Unavailable(reason=f"Record '{record_type}' was not found.")
        found = sorted(one for one in self.ids[record_type] if from_id is None or one >= from_id)
        counted: list[Bucket] = []
        for start in range(0, len(found), 10):
            some = found[start : start + 10]
            counted.append(Bucket(some[0], some[-1], len(some)))
        return Measured(records=len(found), buckets=counted)


@dataclass
class LosingAccount(Account):
    """Makes the planner lose its lock, or leave it, so many `times` (None: always) when this type is asked for."""

    lock: PlanningLock | None = None
    asks: str = "customer"
    times: int | None = 1
    leaves: bool = False
    meanwhile: Callable[[], object] = lambda: None

    def measure(self, record_type: str, from_id: int | None) -> Measured | Unavailable:
        if record_type == self.asks and self.lock and self.times != 0:
            self.times = self.times and self.times - 1
            (self.lock.leave if self.leaves else self.lock._close)()
            self.meanwhile()
        return super().measure(record_type, from_id)


@dataclass
class Registry:
    kept: dict[str, list[BatchRange]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    identity: str | None = None

    def in_use(self, record_type: str) -> bool:
        return record_type in self.used

    def existing(self, record_type: str) -> list[BatchRange]:
        return list(self.kept.get(record_type, []))

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        gone = set(remove)
        left = [one for one in self.existing(record_type) if one not in gone]
        self.kept[record_type] = left + [one for one in add if one not in left]


@pytest.fixture
def account() -> Account:
    return Account({"subsidiary": [1, 2], "price_level": list(range(-3, 2)), "customer": list(range(1, 96))})


@pytest.fixture
def registry() -> Registry:
    return Registry()


def plan(
    store: WaveStore,
    account: Account,
    registry: Registry,
    limits: Limits,
    *,
    job: str = JOB,
    names: Sequence[str] = ("customer",),
    dependencies: bool = True,
    lock: PlanningLock | None = None,
) -> JobPlan:
    now = LATER
    store.create_job(job, record_types=names, with_dependencies=dependencies, trigger="cli", now=now)
    return plan_job(
        job_id=job,
        catalog=CATALOG,
        source=account,
        registry=registry,
        store=store,
        limits=limits,
        batch_size=20,
        clock=lambda: now,
        lock=lock or PlanningLock(store.engine, timeout=0),
    )


def keys(registry: Registry, record_type: str) -> list[str]:
    return [one.key for one in registry.existing(record_type)]


def test_a_job_is_planned_level_by_level_with_its_dependencies(
    store: WaveStore, account: Account, registry: Registry, limits: Limits, now: dt.datetime
) -> None:
    made = plan(store, account, registry, limits)
    assert made.saved
    assert [(one.record_type, one.level, one.expected_records) for one in made.types] == [
        ("subsidiary", 0, 2),
        ("price_level", 0, 5),
        ("customer", 1, 95),
    ]
    stored = store.load_state(JOB, now=now)
    assert stored.job.status is JobStatus.RUNNING
    assert [(wave.level, len(wave.batches)) for wave in stored.waves] == [(0, 2), (1, 5)]
    assert [one.is_dependency for one in stored.waves[0].batches] == [True, True]
    assert keys(registry, "customer") == ["1..20", "21..40", "41..60", "61..80", "81..95"]
    assert stored.waves[1].batches[-1].batch_id == "job-1_-3_81..95"


def test_batches_are_granted_the_most_attempts_that_their_type_gives_any_failure(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    more = FailurePolicy(retries=(RetryPolicy(category=FailureCategory.API_RATE_LIMIT, attempts=9),))
    fewer = FailurePolicy(retries=(RetryPolicy(category=FailureCategory.API_RATE_LIMIT, attempts=1),))
    plan(store, account, registry, replace(limits, policies={"customer": more, "subsidiary": fewer}))
    granted = {batch.record_type: batch.max_retries for batch in store.batches(JOB)}
    assert granted == {"customer": 9, "subsidiary": 3, "price_level": 3}


def test_without_dependencies_only_the_named_types_are_planned(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    made = plan(store, account, registry, limits, dependencies=False)
    assert [one.record_type for one in made.types] == ["customer"]
    assert [wave.level for wave in made.waves] == [1]


def test_planning_a_job_again_changes_nothing(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    plan(store, account, registry, limits)
    asked = len(account.asked)
    assert not plan(store, account, registry, limits).saved
    assert len(account.asked) == asked


def test_a_second_job_takes_the_same_batches(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    first = plan(store, account, registry, limits)
    before = keys(registry, "customer")
    second = plan(store, account, registry, limits, job="job-2")
    assert keys(registry, "customer") == before
    assert [len(wave.batches) for wave in second.waves] == [len(wave.batches) for wave in first.waves]


def test_an_unavailable_type_is_recorded_and_its_dependents_go_on(
    store: WaveStore, account: Account, registry: Registry, limits: Limits, now: dt.datetime
) -> None:
    del account.ids["price_level"]
    plan(store, account, registry, limits)
    types = {one.record_type: one for one in store.load_state(JOB, now=now).types}
    assert not types["price_level"].available
    assert types["price_level"].reason == "Record 'price_level' was not found."
    assert types["customer"].available


def test_any_other_error_fails_the_job_and_is_raised(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    account.broken["customer"] = ConnectionError("NetSuite does not answer.")
    with pytest.raises(ConnectionError):
        plan(store, account, registry, limits)
    job = store.job(JOB)
    assert (job.status, job.failure_reason) == (JobStatus.FAILED, "Planning failed: NetSuite does not answer.")
    with pytest.raises(JobEnded, match="start a new one"):
        plan(store, account, registry, limits)


def test_an_error_is_raised_as_it_is_also_where_the_job_cannot_be_recorded_as_failed(
    store: WaveStore, account: Account, registry: Registry, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE", {}, Exception(2003, "no server"))

    account.broken["customer"] = ConnectionError("NetSuite does not answer.")
    monkeypatch.setattr(WaveStore, "fail_job", away)
    with pytest.raises(ConnectionError, match="NetSuite does not answer"):
        plan(store, account, registry, limits)
    assert store.job(JOB).status is JobStatus.PLANNING


def test_an_unknown_record_type_fails_the_job(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    with pytest.raises(CatalogError):
        plan(store, account, registry, limits, names=["custmer"])
    assert store.job(JOB).status is JobStatus.FAILED


def test_no_records_at_all_is_a_plan_without_waves(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    made = plan(store, Account({"subsidiary": []}), registry, limits, names=["subsidiary"])
    assert (made.saved, made.waves) == (True, ())


def test_discovery_leaves_a_type_alone_while_its_last_batch_is_in_flight(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    # Each look would add another small batch, for as long as an import or a backfill takes.
    plan(store, account, registry, limits)
    before = keys(registry, "customer")
    account.ids["customer"] += range(96, 99)
    account.asked.clear()
    found = discover("customer", source=account, registry=registry, store=store, batch_size=20)
    assert isinstance(found, RangePlan)
    assert ([one.key for one in found.keep], found.add, found.remove) == (before, (), ())
    assert account.asked == []


def test_the_last_batch_of_a_running_job_is_not_replaced_by_the_next_job(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    plan(store, account, registry, limits)
    before = keys(registry, "customer")
    account.ids["customer"] += range(96, 99)
    plan(store, account, registry, limits, job="job-2")
    assert keys(registry, "customer") == [*before, "96..98"]


def test_discovery_asks_only_for_the_tail_and_lets_the_last_batch_grow(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    plan(store, account, registry, limits)
    store.fail_job(JOB, "stopped", now=LATER)
    account.ids["customer"] += range(96, 110)
    account.asked.clear()
    discover("customer", source=account, registry=registry, store=store, batch_size=20)
    assert account.asked == [("customer", 81)]
    assert keys(registry, "customer")[-2:] == ["81..100", "101..109"]


def test_the_last_batch_stays_while_someone_outside_the_waves_may_be_importing_it(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    discover("customer", source=account, registry=registry, store=store, batch_size=20)
    before = keys(registry, "customer")
    account.ids["customer"] += range(96, 110)
    registry.used.add("customer")
    discover("customer", source=account, registry=registry, store=store, batch_size=20)
    assert keys(registry, "customer") == before
    plan(store, account, registry, limits)
    assert keys(registry, "customer") == [*before, "96..109"]


def test_discovery_of_an_unavailable_type_says_so(store: WaveStore, registry: Registry) -> None:
    found = discover("customer", source=Account({}), registry=registry, store=store, batch_size=20)
    assert found == Unavailable(reason="Record 'customer' was not found.")


def test_a_grown_type_is_planned_with_an_exact_tail_and_numbers_in_partition_order(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    plan(store, account, registry, limits)
    store.fail_job(JOB, "stopped", now=LATER)
    account.ids["customer"] += [*range(-15, 1), *range(96, 110)]
    made = plan(store, account, registry, limits, job="job-2")
    customers = made.waves[-1].batches
    assert [one.range.key for one in sorted(customers, key=lambda one: one.batch_number)] == keys(registry, "customer")
    assert ("customer", 81) in account.asked
    assert sum(one.expected_records for one in customers) == 125


def test_a_registry_that_was_cut_off_between_removing_and_adding_is_repaired(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    plan(store, account, registry, limits)
    store.fail_job(JOB, "stopped", now=LATER)
    registry.kept["customer"].pop()
    plan(store, account, registry, limits, job="job-2")
    assert keys(registry, "customer")[-1] == "81..95"


def test_while_one_plans_another_waits_or_is_told(
    store: WaveStore, account: Account, registry: Registry, limits: Limits
) -> None:
    with PlanningLock(store.engine, timeout=0):
        with pytest.raises(PlanningBusy, match="Another process"):
            discover("customer", source=account, registry=registry, store=store, batch_size=20)
        waiting = threading.Thread(
            target=discover,
            args=("customer",),
            kwargs={
                "source": account,
                "registry": registry,
                "store": store,
                "batch_size": 20,
                "lock_timeout": 20,
            },
        )
        waiting.start()
        assert account.asked == []
    waiting.join()
    assert len(keys(registry, "customer")) == 5


def test_a_plan_whose_lock_is_lost_is_made_anew_with_what_another_planner_changed_meanwhile(
    store: WaveStore, registry: Registry, limits: Limits
) -> None:
    lock = PlanningLock(store.engine, timeout=0)
    account = LosingAccount(
        ids={"subsidiary": [1, 2], "price_level": [1, 2], "customer": list(range(1, 10))}, lock=lock
    )

    def meanwhile() -> None:
        account.ids["subsidiary"] += [3]
        discover("subsidiary", source=account, registry=registry, store=store, batch_size=20)

    # When the customers are asked for, the batches of subsidiaries are settled and not stored.
    account.meanwhile = meanwhile
    made = plan(store, account, registry, limits, lock=lock)
    assert made.saved
    assert keys(registry, "subsidiary") == ["1..3"]
    assert {one.range.key for one in store.batches(JOB) if one.record_type == "subsidiary"} == {"1..3"}


def test_a_plan_whose_lock_is_lost_changes_no_partition(store: WaveStore, registry: Registry, limits: Limits) -> None:
    lock = PlanningLock(store.engine, timeout=0)
    account = LosingAccount(ids={"subsidiary": [1, 2]}, lock=lock, asks="subsidiary", times=None)
    with pytest.raises(PlanningBusy, match="start it again"):
        plan(store, account, registry, limits, names=["subsidiary"], lock=lock)
    assert keys(registry, "subsidiary") == []
    job = store.job(JOB)
    assert job.status is JobStatus.FAILED
    assert "lock on planning batches was lost" in str(job.failure_reason)


def test_a_plan_is_made_anew_as_often_as_its_lock_is_left(store: WaveStore, registry: Registry, limits: Limits) -> None:
    lock = PlanningLock(store.engine, timeout=0)
    account = LosingAccount(ids={"subsidiary": [1, 2]}, lock=lock, asks="subsidiary", times=20, leaves=True)
    assert plan(store, account, registry, limits, names=["subsidiary"], lock=lock).saved


def test_a_plan_whose_lock_is_lost_after_its_last_question_is_not_stored(
    store: WaveStore, account: Account, registry: Registry, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = PlanningLock(store.engine, timeout=0)
    cut = planning.plan_waves

    def losing(*arguments: Any, **named: Any) -> Any:
        lock._close()
        return cut(*arguments, **named)

    monkeypatch.setattr(planning, "plan_waves", losing)
    with pytest.raises(PlanningBusy):
        plan(store, account, registry, limits, lock=lock)
    assert store.batches(JOB) == []


def test_a_plan_that_another_process_stored_while_the_lock_was_lost_stays(
    store: WaveStore, registry: Registry, limits: Limits
) -> None:
    lock = PlanningLock(store.engine, timeout=0)
    account = LosingAccount(
        ids={"subsidiary": [1, 2], "price_level": [1, 2], "customer": list(range(1, 10))}, lock=lock
    )
    account.meanwhile = lambda: plan(store, account, registry, limits)
    assert not plan(store, account, registry, limits, lock=lock).saved
    assert store.job(JOB).status is JobStatus.RUNNING
