"""Starting an import: note it, ask NetSuite, store batches and waves. What `start_import` and the command share.

The steps of planning are in `waves.planning`; this module gives them NetSuite and the warehouse.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netsuite_pipeline.netsuite.columns import required_column_missing
from netsuite_pipeline.netsuite.errors import QueryRejected, RecordTypeUnavailable
from netsuite_pipeline.netsuite.histogram import measure
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.orchestration.change_finder import AccountChanges
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.orchestration.slot_advice import slot_advice
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.change_planning import Unavailable
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode, Owner, utc_now
from netsuite_pipeline.waves.planning import PLANNING_LOCK_SECONDS, JobPlan, plan_job
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.settling import BatchRegistry, Measured
from netsuite_pipeline.waves.store import WaveStore

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NetSuiteSource:
    """Counts records for planning; a table that the account lacks is an answer and no error."""

    queries: Queries
    catalog: Catalog
    batch_size: int

    def measure(self, record_type: str, from_id: int | None) -> Measured | Unavailable:
        """How many records there are and where; NetSuiteError if NetSuite does not say."""
        asked = self.catalog.get(record_type)
        try:
            histogram = measure(self.queries, asked, batch_size=self.batch_size, from_id=from_id)
        except QueryRejected as error:
            # Counting needs no column but those of key, filter and join.
            return Unavailable(reason=str(required_column_missing(asked, error) if error.column else error))
        except RecordTypeUnavailable as error:
            # Neither is the fault of the other record types; the job says which is missing and why.
            return Unavailable(reason=str(error))
        return Measured(records=histogram.total, buckets=histogram.buckets)


def start_import(
    *,
    pipeline: PipelineResource,
    catalog: Catalog,
    registry: BatchRegistry,
    job_id: str,
    names: Sequence[str],
    dependencies: bool,
    trigger: str,
    mode: ImportMode = ImportMode.FULL,
    insist: bool = False,
    patient: bool = False,
    warn: Callable[[str], None] = _LOGGER.warning,
) -> JobPlan:
    """Plans an import of the named record types (none: all of them) and leaves it to the dispatcher.

    With `insist`, credentials that NetSuite refused lately are tried all the same: a person is there who mended them.
    If `patient`, a NetSuite that is away is waited for, as long as imports under way do; others may plan meanwhile, and
    then all is asked anew. `warn` is told of what makes the import slower than it need be.
    Called again with the same job id it goes on where it was interrupted. Raises CatalogError for an unknown name,
    SettingsError, NetSuiteError or WarehouseError; the job is then recorded as failed, if it could be recorded.
    """
    chosen = [catalog.get(name).name for name in names] or list(catalog.names)
    settings = pipeline.settings()
    with pipeline.engine() as engine:
        ensure_tables(engine, warehouse_metadata(catalog))
        store = WaveStore(engine)
        patience = settings.wave_outage_timeout if patient else 0
        lock = PlanningLock(engine, timeout=PLANNING_LOCK_SECONDS)
        # Who waits for NetSuite for hours must not keep others from planning, nor `waves retry` from its batches.
        with pipeline.client(insist=insist, patience=patience, on_outage=lock.leave) as client:
            store.create_job(
                job_id,
                record_types=chosen,
                with_dependencies=dependencies,
                trigger=trigger,
                mode=mode,
                declarations=catalog.digest,
                registry=registry.identity,
                now=utc_now(),
            )
            plan = plan_job(
                job_id=job_id,
                catalog=catalog,
                source=NetSuiteSource(queries=client, catalog=catalog, batch_size=settings.batch_size),
                registry=registry,
                store=store,
                limits=Limits.of(settings, catalog),
                batch_size=settings.batch_size,
                lock=lock,
                finder=AccountChanges(client=client, engine=engine, catalog=catalog, settings=settings),
                owner=Owner(integration_id=settings.integration_id, database=settings.warehouse_database),
            )
    advice = slot_advice(settings) if plan.saved else None
    if advice:
        warn(advice)
    return plan
