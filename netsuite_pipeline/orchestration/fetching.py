"""Reading batches from NetSuite for a run or a replay: in the columns that the account has, within its share of slots.

What becomes of the batches is `batch_run`'s business; how one is read is in `netsuite.stream`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.account_columns import view_of_account
from netsuite_pipeline.orchestration.batch_run import Fetched
from netsuite_pipeline.orchestration.concurrency import share_of
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch
from netsuite_pipeline.warehouse.adoption import edition_of_adopted
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.migration.changes_table import edition_of
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of


@dataclass(frozen=True, kw_only=True)
class AccountFetch:
    """What a BatchRun fetches with. `runs` may talk to NetSuite at once; None: nobody knows, so one request at a time.

    `warn` is told of columns that the account lacks.
    """

    pipeline: PipelineResource
    record_type: RecordType
    runs: int | None
    run_id: str
    warn: Callable[[str], None]

    def __call__(self, ranges: Sequence[BatchRange]) -> Fetched:
        """The batches of the ranges, in their order, each complete or failed with its reason."""
        settings = self.pipeline.settings()
        concurrency = share_of(settings.netsuite_concurrency, runs=self.runs)
        with self.pipeline.client(concurrency=concurrency) as client, self.pipeline.engine() as engine:
            memory = ColumnMemory(engine, account=account_of(settings), record_type=self.record_type)
            try:
                view = view_of_account(self.record_type, memory=memory, queries=client, claimant=self.run_id)
                adopted = view.record_type.adopted
                edition = (
                    edition_of_adopted(engine, self.record_type)
                    if adopted
                    else edition_of(engine, view.record_type.table)
                )
                record_type = replace(view.record_type, edition=edition)
            except (NetSuiteError, WarehouseError) as error:
                yield from self._failed(ranges, error)
                return
            if view.warning:
                self.warn(view.warning)
            yield from stream_batches(view.queries, record_type, ranges, workers=client.concurrency)

    def _failed(self, ranges: Sequence[BatchRange], error: NetSuiteError | WarehouseError) -> Iterator[FailedBatch]:
        for batch in ranges:
            yield FailedBatch(record_type=self.record_type, range=batch, category=error.category, reason=str(error))
