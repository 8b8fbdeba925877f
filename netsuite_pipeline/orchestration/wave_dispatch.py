"""One tick of the dispatcher: compare the wave tables with Dagster's runs, let the coordinator decide, act.

What became of runs is found out in `deliveries`. Deciding is `waves.coordinator`'s business, and every change of a
batch is a guarded update in `waves.store`, so a tick may be cut off anywhere and repeated.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import dagster as dg

from netsuite_pipeline.orchestration.colours import settle_colours
from netsuite_pipeline.orchestration.deliveries import Deliveries
from netsuite_pipeline.orchestration.names import import_job_name
from netsuite_pipeline.orchestration.outages import SourceWatch
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.planners import is_planned_too_long, is_planner_gone
from netsuite_pipeline.orchestration.supervision import end_dead_runs
from netsuite_pipeline.orchestration.tags import (
    DISPATCH,
    JOB,
    PRIORITY,
    RANGE_END,
    RANGE_START,
    WAVE,
)
from netsuite_pipeline.tenant_name import tenant_of_process
from netsuite_pipeline.waves.circuit import CLOSED, Circuit
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.job_state import Decision, JobState, count_in_flight
from netsuite_pipeline.waves.lanes import Precedence, beside_a_nightly, goes_first, makes_room_for, run_priority
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Dispatch, ImportMode, Job, JobStatus, WaveStatus, utc_now
from netsuite_pipeline.waves.ownership import is_kept_elsewhere, kept_elsewhere
from netsuite_pipeline.waves.sizing import Sizing, is_due, resized, seen_since
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.stuck import StuckWave, activity_of_state, stuck_waves

# Dagster writes an event for each batch of a run that it creates, 16 ms each, and creates the runs of a look side by
# side: the fewer they are, the sooner the first one begins. Companies wait for the same threads.
_BATCHES_A_LOOK = 150

# Runs may import with the daemon's declarations, and a column that only the import's planner knows would stay empty.
_DECLARED_OTHERWISE = (
    "The daemon was started with other declarations of record types than this import: RECORD_TYPES_FILE is another"
    " file or was edited since, or the version is another. Restart the daemon and the web server, and start the import"
    " again."
)

_LOGGER = logging.getLogger(__name__)
# When the log was told last of each stuck wave; the process of the sensor lives longer than a look.
_TOLD: dict[tuple[str, int], dt.datetime] = {}
# When the size of each import was looked at last, also where it stayed; a process that does not know looks once more.
_SIZED: dict[str, dt.datetime] = {}


class WaveDispatcher:
    """Carries planned imports out, a tick at a time."""

    def __init__(
        self,
        *,
        instance: dg.DagsterInstance,
        store: WaveStore,
        limits: Limits,
        record_types: Collection[str],
        declarations: str | None = None,
        watch: SourceWatch | None = None,
        unfit: str | None = None,
    ) -> None:
        """`record_types` are those that have an import job; Dagster refuses a whole tick that asks for another.
        `watch` knows whether NetSuite answers; without one it is taken to. `unfit` says why no run could work: then
        none is launched, because each would use up an attempt of its batches.

        A job that was planned with other `declarations` (`Catalog.digest`) is not begun.
        """
        self._declarations = declarations
        self._instance = instance
        self._registry = PartitionRegistry(instance).identity
        self._deliveries = Deliveries(instance=instance, store=store, limits=limits, record_types=record_types)
        self._record_types = record_types
        self._store = store
        self._limits = limits
        self._watch = watch
        self._unfit = unfit

    def tick(self) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """What Dagster should launch now, for every open job, oldest first; or why it should launch nothing."""
        end_dead_runs(self._instance, self._store, record_types=self._record_types)
        waiting = []
        launched = False
        jobs = self._store.open_jobs()
        circuit = self._watch.look(utc_now()) if self._watch and jobs and not self._unfit else CLOSED
        for job in jobs:
            requests, reason = self._advance_apart(job, circuit, precedence=goes_first(job, jobs))
            launched = launched or bool(requests)
            yield from requests
            if reason:
                waiting.append(f"{job.job_id}: {reason}")
        if not launched:
            yield dg.SkipReason(" ".join(waiting) or "No import is under way.")

    def _advance_apart(
        self, job: Job, circuit: Circuit, *, precedence: Precedence | None
    ) -> tuple[list[dg.RunRequest], str | None]:
        """One job's turn; what goes wrong with it is told and does not keep the others from theirs."""
        try:
            return self._advance(job, circuit, precedence=precedence)
        except Exception as error:
            _LOGGER.exception("Dispatching import %s", job.job_id)
            return [], f"failed with {type(error).__name__}: {error}"

    def _advance(
        self, job: Job, circuit: Circuit, *, precedence: Precedence | None
    ) -> tuple[list[dg.RunRequest], str | None]:
        elsewhere = is_kept_elsewhere(job, self._registry)
        if job.status is JobStatus.PLANNING and self._is_planner_gone(job, utc_now(), elsewhere=elsewhere):
            status = JobStatus.FAILED if job.cancelled_at is None else JobStatus.CANCELLED
            reason = "Planning was interrupted; start the import again."
            self._store.finish_job(job.job_id, status=status, reason=reason, now=utc_now())
        # A person's word that it is over ends it all the same: else one whose instance is gone would never end.
        if elsewhere and job.cancelled_at is None:
            return [], kept_elsewhere(job)
        again = self._deliveries.settle(job, elsewhere=elsewhere)
        # The failures that this found are of the past for what is decided now, and not of the future.
        now = utc_now()
        whole_level = not self._limits.coordination
        state = self._store.load_state(job.job_id, now=now, whole_level=whole_level, circuit=circuit)
        if self._is_declared_otherwise(job) and not _is_begun(state):
            self._store.fail_job(job.job_id, _DECLARED_OTHERWISE, now=now)
            return [], _DECLARED_OTHERWISE
        limits, room = self._limits_now(state, precedence)
        decision, resumes = decide(state, limits), state.job.resumes
        self._store.update_waves(job.job_id, decision.wave_changes, now=now, resumes=resumes)
        claimed = [
            dispatch
            for dispatch in (() if self._unfit else decision.dispatches)
            if self._store.claim_dispatch(dispatch, in_flight_limit=limits.in_flight, now=now, resumes=resumes)
        ]
        # A job is over when its runs are, too: until then their colours may still have to be repaired.
        if self._are_colours_settled(job.job_id) and decision.end:
            end = decision.end
            if not self._store.finish_job(job.job_id, status=end.status, reason=end.reason, now=now, resumes=resumes):
                self._store.correct_waves(job.job_id, now=now)
        if self._unfit:
            return [], self._unfit
        wanted = [dispatch for dispatch in (*again, *claimed) if dispatch.record_type in self._record_types]
        asked = _for_a_look(wanted)
        requests = list(_run_requests(asked, job, ahead=count_in_flight(state.waves), now=now))
        return requests, _sentences(decision, room, self._stuck(state))

    def _limits_now(self, state: JobState, precedence: Precedence | None) -> tuple[Limits, str | None]:
        """What the job may have in flight now; of a full import also that it makes room for an import of changes."""
        # What is done in less room says nothing about the right size.
        limits = self._sized(state, decide_anew=precedence is None)
        if precedence is None:
            return limits, None
        return beside_a_nightly(limits, precedence), makes_room_for(precedence, limits)

    def _stuck(self, state: JobState) -> Sequence[StuckWave]:
        """Waves whose runs make no progress; the log is told once in WAVE_TIMEOUT seconds."""
        activity = activity_of_state(state)
        timeout = self._limits.wave_timeout
        found = stuck_waves(activity, job=state.job, circuit=state.circuit, now=state.now, timeout=timeout)
        held = [wave for wave in found if wave.in_flight]
        for wave in held:
            if _is_news(wave, state.now):
                _LOGGER.warning("Import %s: %s", wave.job_id, wave.sentence)
        return held

    def _sized(self, state: JobState, *, decide_anew: bool) -> Limits:
        """The limits, with the batches in flight that dynamic sizing allows the job now."""
        if not self._limits.dynamic_sizing or state.job.status is not JobStatus.RUNNING:
            return self._limits
        before = next(iter(self._store.sizings(state.job.job_id)), None)
        held = (self._resized(before, state) if decide_anew else None) or before
        return self._limits if held is None else replace(self._limits, in_flight_now=held.size)

    def _resized(self, before: Sizing | None, state: JobState) -> Sizing | None:
        """Another size than before, which is noted; None if it stays, or it is too early to say."""
        job_id, now = state.job.job_id, state.now
        if not is_due(_SIZED.get(job_id, before.at if before else None), now):
            return None
        _SIZED[job_id] = now
        seen = self._store.recent(job_id, since=seen_since(before, now), now=now)
        sizing = resized(before, state, self._limits, seen)
        if sizing is not None:
            self._store.note_sizing(job_id, sizing)
            _LOGGER.info("Import %s: %s batches in flight, because %s.", job_id, sizing.size, sizing.reason)
        return sizing

    def _is_declared_otherwise(self, job: Job) -> bool:
        known = (job.declarations, self._declarations)
        return job.status is JobStatus.RUNNING and None not in known and known[0] != known[1]

    def _is_planner_gone(self, job: Job, now: dt.datetime, *, elsewhere: bool) -> bool:
        patience = self._limits.outage_timeout
        if elsewhere and job.cancelled_at is None:
            return is_planned_too_long(job, outage_timeout=patience, now=now)
        return is_planner_gone(job, instance=self._instance, store=self._store, outage_timeout=patience, now=now)

    def _are_colours_settled(self, job_id: str) -> bool:
        try:
            return settle_colours(self._instance, self._store, job_id)
        except Exception:
            # What was claimed has to be launched, whatever Dagster's event log says to a repair.
            _LOGGER.exception("Repairing the colours of import %s", job_id)
            return False


def _sentences(decision: Decision, room: str | None, stuck: Sequence[StuckWave]) -> str | None:
    waiting = [decision.waiting_for, room] if decision.waiting_for else []
    return " ".join([*filter(None, waiting), *(wave.sentence for wave in stuck)]) or None


def _is_news(wave: StuckWave, now: dt.datetime) -> bool:
    """Whether nobody was told lately. Looks follow each other too fast to tell every time."""
    told = _TOLD.get((wave.job_id, wave.number))
    if told is not None and dt.timedelta() <= now - told < dt.timedelta(seconds=wave.timeout):
        return False
    _TOLD[wave.job_id, wave.number] = now
    return True


def _is_begun(state: JobState) -> bool:
    if any(wave.status is not WaveStatus.PENDING for wave in state.waves):
        return True
    return any(batch.status is not BatchStatus.PENDING for wave in state.waves for batch in wave.batches)


def _for_a_look(dispatches: Sequence[Dispatch]) -> Iterator[Dispatch]:
    """The first of them. The others are claimed, and asked for by the next looks as those without a run are."""
    batches = 0
    for dispatch in dispatches:
        if batches and batches + len(dispatch.batches) > _BATCHES_A_LOOK:
            return
        batches += len(dispatch.batches)
        yield dispatch


def _run_requests(dispatches: Iterable[Dispatch], job: Job, *, ahead: int, now: dt.datetime) -> Iterator[dg.RunRequest]:
    """The runs of the dispatches, when the job has `ahead` batches in flight already."""
    for dispatch in dispatches:
        yield _run_request(dispatch, _priority(job, ahead=ahead, now=now))
        ahead += len(dispatch.batches)


def _priority(job: Job, *, ahead: int, now: dt.datetime) -> int | None:
    """A night's changes must not wait behind a long import; one company's full imports take turns with nobody."""
    if job.mode is ImportMode.FULL and tenant_of_process() is None:
        return None
    return run_priority(job.mode, ahead=ahead, now=now)


def _run_request(dispatch: Dispatch, priority: int | None) -> dg.RunRequest:
    """The run of a dispatch. Its key is the dispatch's, so Dagster launches it once however often it is asked."""
    return dg.RunRequest(
        job_name=import_job_name(dispatch.record_type),
        run_key=dispatch.key,
        tags={
            RANGE_START: dispatch.batches[0].range.key,
            RANGE_END: dispatch.batches[-1].range.key,
            JOB: dispatch.job_id,
            WAVE: str(dispatch.wave_number),
            DISPATCH: dispatch.key,
            **({} if priority is None else {PRIORITY: str(priority)}),
        },
    )
