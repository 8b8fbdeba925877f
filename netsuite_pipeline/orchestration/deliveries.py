"""What became of the dispatches in flight: whether Dagster has a run for each, and whether that is over.

Runs whose process is gone are ended in `supervision`, those that plan are looked at in `planners`. What is dispatched
is decided in `waves.coordinator`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from netsuite_pipeline.orchestration.supervision import SILENCE
from netsuite_pipeline.orchestration.tags import DISPATCH
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.dispatch_store import InFlight
from netsuite_pipeline.waves.failure_policy import retry_at
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Dispatch, Job, utc_now
from netsuite_pipeline.waves.store import WaveStore


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Compares what is in flight with the runs of an instance. Batches whose run is over without a word about them are
    released: they are tried again, or have failed.
    """

    instance: dg.DagsterInstance
    store: WaveStore
    limits: Limits
    record_types: Collection[str]

    def settle(self, job: Job, *, elsewhere: bool = False) -> Sequence[Dispatch]:
        """The dispatches of the job that Dagster has to be asked for again. The runs of a job that is kept `elsewhere`
        are known by their heartbeats alone.
        """
        in_flight = self.store.in_flight(job.job_id)
        if elsewhere:
            self._settle_silent(in_flight)
            return ()
        undelivered = []
        known = self._runs([held.run_id for held in in_flight if held.run_id])
        for held in in_flight:
            if held.dispatch.record_type not in self.record_types:
                reason = f"the daemon does not know record type {held.dispatch.record_type} any more"
                self.store.release(held, reason=reason, retry_at=None, now=utc_now())
                continue
            run = known.get(held.run_id) if held.run_id else self._run_tagged(held.key)
            if _is_undelivered(held, run):
                if job.cancelled_at is None:
                    undelivered.append(held.dispatch)
                else:
                    self._release(held, "cancelled before its run began")
            elif run is None:
                self._release(held, f"run {held.run_id} was deleted")
            elif run.dagster_run.is_finished:
                self._release(held, f"run {run.dagster_run.run_id} ended as {run.dagster_run.status.value}")
            elif held.run_id is None:
                self.store.record_delivery(held.key, run_id=run.dagster_run.run_id, now=utc_now())
        return undelivered

    def _settle_silent(self, in_flight: Sequence[InFlight]) -> None:
        silences = self.store.silences()
        for held in in_flight:
            silence = silences.get(held.run_id or "")
            # One that begins after all finds that its batches are taken.
            if silence is None or silence > SILENCE:
                self._release(held, "its run is another Dagster instance's, and silent")

    def _runs(self, run_ids: Sequence[str]) -> Mapping[str, dg.RunRecord]:
        """The runs that have batches, by id; asked for together, because there may be as many as batches in flight."""
        if not run_ids:
            return {}
        records = self.instance.get_run_records(dg.RunsFilter(run_ids=sorted(set(run_ids))))
        return {record.dagster_run.run_id: record for record in records}

    def _run_tagged(self, dispatch_key: str) -> dg.RunRecord | None:
        """The run of a dispatch whose batches none has yet: the first with the tag, which re-executions carry, too."""
        records = self.instance.get_run_records(dg.RunsFilter(tags={DISPATCH: dispatch_key}), limit=1, ascending=True)
        return records[0] if records else None

    def _release(self, held: InFlight, reason: str) -> None:
        now = utc_now()
        again = retry_at(
            FailureCategory.UNKNOWN,
            record_type=held.dispatch.record_type,
            attempt=held.dispatch.attempt,
            max_retries=max(batch.max_retries for batch in held.dispatch.batches),
            dispatch_key=held.key,
            limits=self.limits,
            now=now,
        )
        self.store.release(held, reason=reason, retry_at=again, now=now)


def _is_undelivered(held: InFlight, run: dg.RunRecord | None) -> bool:
    """Whether Dagster has to be asked (again): it has no run, or created one and never came to launch it."""
    if run is None:
        return held.run_id is None
    return run.dagster_run.status is dg.DagsterRunStatus.NOT_STARTED
