"""Reading batches from NetSuite for a run or a replay: in the columns that the account has, within its share of slots.

What becomes of the batches is `batch_run`'s business; how one is read is in `netsuite.stream`.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, MetaData
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import AuthenticationFailed, NetSuiteError, TimedOut, Unavailable
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.account_columns import view_of_account
from netsuite_pipeline.orchestration.batch_run import Fetched, Wanted
from netsuite_pipeline.orchestration.concurrency import share_of
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.batch import BatchRange, Increment, Watermark
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.transform.batch import FailedBatch
from netsuite_pipeline.warehouse.adoption import edition_for
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import WarehouseError, warehouse_error
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of
from netsuite_pipeline.warehouse.tables import import_tables
from netsuite_pipeline.warehouse.watermarks import noted_deletions


def threads_for(client: NetSuiteClient) -> int:
    """How many threads keep all slots of a client taken: one more, because a thread that types its rows holds none.

    Each holds a batch in memory. With as many threads as slots, 12 % of the slots' time was lost at 1 s a page
    (`benchmarks.api_ceiling`), with one more 2 %; a second one gained nothing.
    """
    return client.concurrency + 1


@dataclass(frozen=True, kw_only=True)
class AccountFetch:
    """What a BatchRun fetches with. `runs` may talk to NetSuite at once; None: nobody knows, so one request at a time.

    `warn` is told of columns that the account lacks, `tell` in the end how NetSuite answered. `of_batches` is off for
    ranges that are parts of batches: they get no watermarks.
    """

    pipeline: PipelineResource
    record_type: RecordType
    runs: int | None
    run_id: str
    warn: Callable[[str], None]
    tell: Callable[[str], None] | None = None
    of_batches: bool = True

    def __call__(self, wanted: Wanted) -> Fetched:
        """The batches that are wanted, in their order, each complete or failed with its reason. SettingsError where a
        person launched the run, whom one sentence tells more than one per batch.
        """
        try:
            yield from self._fetched(wanted)
        except SettingsError as error:
            if not wanted.in_wave:
                raise
            yield from self._failed(wanted.ranges, FailureCategory.UNKNOWN, error)

    def _fetched(self, wanted: Wanted) -> Fetched:
        settings = self.pipeline.settings()
        share = share_of(settings, runs=self.runs)
        with self.pipeline.client(concurrency=share, tell=self.tell) as client, self.pipeline.engine() as engine:
            memory = ColumnMemory(engine, account=account_of(settings), record_type=self.record_type)
            try:
                view = view_of_account(self.record_type, memory=memory, queries=client, claimant=self.run_id)
                record_type = replace(view.record_type, edition=edition_for(engine, self.record_type))
                increments = self._with_notes(engine, wanted.increments)
                moment = self._moment(client, wanted)
                imported_as = record_type.digest(account_of(settings))
                watermark = Watermark(moment=moment, imported_as=imported_as) if moment else None
            except (NetSuiteError, WarehouseError) as error:
                yield from self._failed(wanted.ranges, error.category, error)
                return
            if view.warning:
                self.warn(view.warning)
            yield from stream_batches(
                view.queries,
                record_type,
                wanted.ranges,
                workers=threads_for(client),
                increments=increments,
                watermark=watermark,
            )

    def _moment(self, client: NetSuiteClient, wanted: Wanted) -> dt.datetime | None:
        whole = len(wanted.ranges) - len(wanted.increments)
        if wanted.as_of is None:
            return self._ask_time(client)
        if whole > client.concurrency and not client.is_accepted:
            # The first request goes alone. A page as the first one would leave the other slots empty for its whole
            # time, a tenth of a run of 25 batches with 4 slots; the clock answers at once.
            self._time(client)
        return wanted.as_of

    def _ask_time(self, client: NetSuiteClient) -> dt.datetime | None:
        if not self.of_batches:
            return None
        answer = self._time(client)
        if isinstance(answer, dt.datetime):
            return answer
        self.warn(f"The next incremental import will read these batches as a whole: {answer}")
        return None

    def _time(self, client: NetSuiteClient) -> dt.datetime | NetSuiteError:
        """NetSuite's time, or why it does not tell. A refused login and an outage are raised: asking for batches, whose
        requests would each be tried to the end, makes neither better.
        """
        try:
            return client.server_time()
        except AuthenticationFailed:
            raise
        except (Unavailable, TimedOut) as error:
            if client.silence() is not None:
                raise
            return error
        except NetSuiteError as error:
            return error

    def _with_notes(self, engine: Engine, increments: Mapping[BatchRange, Increment]) -> Mapping[BatchRange, Increment]:
        """The increments with the ids that are said to be deleted."""
        if not increments:
            return increments
        try:
            with read_connection(engine) as connection:
                noted = noted_deletions(connection, import_tables(MetaData()), self.record_type.name)
        except DBAPIError as error:
            raise warehouse_error(error, doing="Reading the noted deletions") from None
        return {
            batch: replace(
                increment, noted=frozenset(noted[bisect_left(noted, batch.first) : bisect_right(noted, batch.last)])
            )
            for batch, increment in increments.items()
        }

    def _failed(
        self, ranges: Sequence[BatchRange], category: FailureCategory, error: Exception
    ) -> Iterator[FailedBatch]:
        for batch in ranges:
            yield FailedBatch(record_type=self.record_type, range=batch, category=category, reason=str(error))
