"""The product's chain without Dagster: read from an account, transform, load, as a run's worker does it.

Other chains, and what is measured about all of them, are in `whole_chain`.
"""

from collections.abc import Generator, Sequence
from contextlib import closing

import sqlalchemy as sa
from pydantic import SecretStr

from benchmarks.tables import BATCH_ROWS
from netsuite_pipeline.netsuite.auth import TokenBasedAuth
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.batch_run import BatchRun, import_batches
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.store import WaveStore

# The default of NETSUITE_CONCURRENCY.
CONCURRENCY = 5
_TIMEOUT_SECONDS = 60.0


def client_of(url: str) -> NetSuiteClient:
    """A client that signs its requests; the account takes any signature."""
    names = ("consumer_key", "consumer_secret", "token_id", "token_secret")
    auth = TokenBasedAuth(realm="BENCHMARK", **{name: SecretStr(name) for name in names})
    return NetSuiteClient(
        base_url=url, auth=auth, identity="the benchmark", concurrency=CONCURRENCY, timeout=_TIMEOUT_SECONDS
    )


def ranges_of(rows: int) -> tuple[BatchRange, ...]:
    """The batches of the ids from 1 to `rows`."""
    return tuple(BatchRange(first, first + BATCH_ROWS - 1) for first in range(1, rows + 1, BATCH_ROWS))


def loader_of(engine: sa.Engine, record_type: RecordType) -> BatchLoader:
    """A loader, and the tables that it needs."""
    metadata = import_tables(target_metadata([record_type]))
    ensure_tables(engine, metadata)
    return BatchLoader(engine, metadata, delete_guard_percent=50, reject_guard_percent=50)


def import_all(
    client: NetSuiteClient,
    engine: sa.Engine,
    record_type: RecordType,
    ranges: Sequence[BatchRange],
    *,
    loader: BatchLoader,
    writers: int = 1,
) -> None:
    """Imports every batch; RuntimeError if one fails."""
    run = BatchRun(
        record_type=record_type,
        ranges=tuple(ranges),
        run_id="benchmark",
        fetch=lambda wanted: stream_batches(client, record_type, wanted.ranges, workers=client.concurrency),
    )
    limits = Limits.of(Settings())
    store = WaveStore(engine)
    with closing(import_batches(run, loader=loader, store=store, limits=limits, writers=writers)) as outcomes:
        for outcome in outcomes:
            if outcome.ledger is None:
                raise RuntimeError(f"Batch {outcome.range.key} was not imported: {outcome.reason}")


def read_batches(
    client: NetSuiteClient, record_type: RecordType, ranges: Sequence[BatchRange]
) -> Generator[TransformedBatch, None, None]:
    """The batches as the product reads and types them; RuntimeError if one cannot be read."""
    with closing(stream_batches(client, record_type, ranges, workers=client.concurrency)) as stream:
        for batch in stream:
            match batch:
                case TransformedBatch():
                    yield batch
                case FailedBatch():
                    raise RuntimeError(f"Batch {batch.range.key} was not read: {batch.reason}")
