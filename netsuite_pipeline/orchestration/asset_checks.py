"""One asset check per record type: are the batches completely in the table, and what did importing them cost.

In a run that imports batches it judges those; executed alone, the whole record type. It is a step of its own, because
a check that belonged to the asset's step could not be executed without importing. What is judged is in
`warehouse.completeness`, rates and advice in `observability`, and how both are shown in `check_report`.
"""

from collections.abc import Sequence

import dagster as dg
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.observability.performance import performance
from netsuite_pipeline.orchestration.check_report import described, figures
from netsuite_pipeline.orchestration.faults import EXPECTED
from netsuite_pipeline.orchestration.names import asset_key, partitions_name
from netsuite_pipeline.orchestration.partitions import ranges_of
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import JOB
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.completeness import Completeness, Verdict, completeness
from netsuite_pipeline.waves.dependents import lacking
from netsuite_pipeline.waves.store import WaveStore

COMPLETE = "complete"


def build_completeness_check(record_type: RecordType, catalog: Catalog) -> dg.AssetChecksDefinition:
    """The check of a record type: an error if rows are missing or too many, a warning if something is left to do.

    In a run of an import it also names what the type depends on and the import has not all of: that is for those
    types' checks to judge.

    It blocks nothing and fails no run. When a batch failed the run is red and the check is not executed: it must not
    call a half-done run complete.
    """

    @dg.asset_check(
        asset=asset_key(record_type.name),
        name=COMPLETE,
        description=(
            "Every batch adds up, the table holds the rows that the ledgers say, nothing is rejected or missing. In a"
            " run it judges the run's batches; executed alone, all of them."
        ),
    )
    def complete(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> dg.AssetCheckResult:
        of_run = context.has_partition_key or context.has_partition_key_range
        keys = context.partition_keys if of_run else _all_keys(context.instance, record_type)
        batches = ranges_of(keys)
        try:
            with pipeline.engine() as engine:
                found = completeness(engine, record_type, batches)
                job_id = context.run.tags.get(JOB)
                incomplete = WaveStore(engine).incomplete_types(job_id) if job_id else ()
        except (*EXPECTED, DBAPIError) as error:
            # A run whose batches are all committed must not turn red because nobody could count them afterwards.
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description=f"Not checked: {error}"
            )
        return _result(found, lacks=lacking(record_type.name, incomplete, catalog), of_run=of_run)

    return complete


def _all_keys(instance: dg.DagsterInstance, record_type: RecordType) -> Sequence[str]:
    return instance.get_dynamic_partitions(partitions_name(record_type.name))


def _result(found: Completeness, *, lacks: Sequence[str], of_run: bool) -> dg.AssetCheckResult:
    left = found.verdict is Verdict.OPEN
    return dg.AssetCheckResult(
        passed=found.verdict is Verdict.COMPLETE,
        severity=dg.AssetCheckSeverity.WARN if left else dg.AssetCheckSeverity.ERROR,
        description=described(found, lacks=lacks, of_run=of_run),
        metadata=figures(found, performance(found.ledgers)),
    )
