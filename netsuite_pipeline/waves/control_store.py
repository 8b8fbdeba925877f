"""What a person does to an import under way: pause it, let it go on, cancel it.

What follows from that is `coordinator`'s business. Having batches tried again is in `set_back_store`.
"""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select, update

from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.model import OPEN_JOBS, Job, JobStatus
from netsuite_pipeline.waves.report_store import ReportStore
from netsuite_pipeline.waves.rows import job_of
from netsuite_pipeline.waves.tables import import_jobs

_ROW = import_jobs.c


class ControlStore(ReportStore):
    """The switches of a job. Each may be used again without harm, and while the job is still being planned: then it
    takes effect when the plan is there. Refused when the job has ended.
    """

    def pause(self, job_id: str, *, now: dt.datetime) -> Job:
        """From now on nothing of the job is dispatched; what is in flight goes on. Returns the job as it is then."""
        values = {"paused_at": func.coalesce(_ROW.paused_at, now)}
        return self._switch(job_id, values, _ROW.cancelled_at.is_(None), verb="paused")

    def resume(self, job_id: str, *, now: dt.datetime) -> Job:
        """Ends the pause. Returns the job as it is then."""
        # For how long NetSuite was away during the pause is not held against the job.
        values = {"resumed_at": case((_ROW.paused_at.is_(None), _ROW.resumed_at), else_=now), "paused_at": None}
        return self._switch(job_id, values, _ROW.cancelled_at.is_(None), verb="resumed")

    def cancel(self, job_id: str, *, now: dt.datetime) -> Job:
        """Has the job end as soon as nothing of it is in flight any more. Returns the job as it is then."""
        job = self.job(job_id)
        if job.status is JobStatus.CANCELLED:
            return job
        return self._switch(job_id, {"cancelled_at": func.coalesce(_ROW.cancelled_at, now)}, verb="cancelled")

    def _switch(self, job_id: str, values: dict[str, Any], *conditions: ColumnElement[bool], verb: str) -> Job:
        def work(connection: Connection) -> Job | None:
            asked = (_ROW.job_id == job_id, _ROW.status.in_(sorted(OPEN_JOBS)), *conditions)
            # In this order, because MySQL computes each value from those that it has set already.
            if connection.execute(update(import_jobs).where(*asked).ordered_values(*values.items())).rowcount != 1:
                return None
            return job_of(connection.execute(select(import_jobs).where(_ROW.job_id == job_id)).one())

        changed = self._transactions.run(work)
        if changed is None:
            raise _refusal(self.job(job_id), verb)
        return changed


def _refusal(job: Job, verb: str) -> Refused:
    if job.status in OPEN_JOBS:
        return Refused(
            f"Import {job.job_id} cannot be {verb}: it is being cancelled, and ends when nothing is in flight any more."
            " `waves retry` takes that back."
        )
    return Refused(
        f"Import {job.job_id} cannot be {verb}: it has ended as {job.status.value}. `waves retry` imports what is left."
    )
