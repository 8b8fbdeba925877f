"""Repairs the colours of batches whose run died after committing them and before telling Dagster.

Which batches those are is asked of `waves.store`. On the happy path Dagster's own events are enough and none is
added here.
"""

import dagster as dg

from netsuite_pipeline.orchestration.names import asset_key
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.report_store import Committed
from netsuite_pipeline.waves.store import WaveStore

_EVENTS = 1000
_COMMITTED_BY = "committed by run"


def settle_colours(instance: dg.DagsterInstance, store: WaveStore, job_id: str) -> bool:
    """Makes every committed batch of the job's ended runs green. True when no run is left to wait for."""
    settled = True
    for committed in store.unreported(job_id):
        run = instance.get_run_by_id(committed.run_id)
        if run is not None and not run.is_finished:
            settled = False
            continue
        if run is None or not run.is_success:
            _report_missing(instance, committed)
        store.mark_reported(committed.run_id, now=utc_now())
    return settled


def _report_missing(instance: dg.DagsterInstance, committed: Committed) -> None:
    key = asset_key(committed.record_type)
    batches = [batch.key for batch in committed.ranges]
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=batches), limit=_EVENTS
    )
    # By the run itself, or by an earlier call that was cut off halfway.
    known = {
        record.partition_key
        for record in found.records
        if committed.run_id in (record.run_id, _reporting_run(record.asset_materialization))
    }
    for batch in batches:
        if batch not in known:
            event = dg.AssetMaterialization(key, partition=batch, metadata={_COMMITTED_BY: committed.run_id})
            instance.report_runless_asset_event(event)


def _reporting_run(event: dg.AssetMaterialization | None) -> str | None:
    value = event.metadata.get(_COMMITTED_BY) if event else None
    return str(value.value) if value else None
