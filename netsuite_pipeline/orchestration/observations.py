"""What planning found of each record type, as an event on its asset: one of which nothing is read has no other.

How a plan is made is in `waves.planning`; how batches are reported is the IO manager's business.
"""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from netsuite_pipeline.orchestration.names import asset_key
from netsuite_pipeline.waves.planning import JobPlan


def observations(plan: JobPlan) -> Iterator[dg.AssetObservation]:
    """One for each record type of the plan: when it was compared with NetSuite, and what is to be read of it."""
    to_read = Counter(batch.record_type for wave in plan.waves for batch in wave.batches)
    for kind in plan.types:
        metadata: dict[str, str | int] = {"import": plan.job_id, "batches to read": to_read[kind.record_type]}
        if kind.expected_records is not None:
            metadata["records in NetSuite"] = kind.expected_records
        if kind.available and plan.as_of is not None:
            metadata["compared with NetSuite at"] = f"{plan.as_of:%Y-%m-%d %H:%M:%S} UTC"
        if kind.reason:
            metadata["reason"] = kind.reason
        yield dg.AssetObservation(asset_key(kind.record_type), metadata=metadata)
