"""The product's own way: `BatchLoader.load` of typed batches, with diff, rejects and ledger."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import sqlalchemy as sa

from benchmarks.tables import Batch
from benchmarks.technique import COMMON, MANY_BAD, ONE_BAD, Scenario, Technique
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import REJECTS, import_tables, target_metadata, utc_now


class OneWriter(Technique):
    """Batches one after the other."""

    name = "ours"
    title = "netsuite-pipeline"
    scenarios = COMMON | {ONE_BAD, MANY_BAD}
    writers: ClassVar[int] = 1

    def create_table(self) -> None:
        """The target table with its bookkeeping, the ledger and the rejects."""
        metadata = import_tables(target_metadata([self.table.record_type]))
        ensure_tables(self.engine, metadata)
        self._loader = BatchLoader(self.engine, metadata, delete_guard_percent=50, reject_guard_percent=50)

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> list[TransformedBatch]:  # noqa: ARG002
        """What `stream_batches` yields: typed rows, as just read."""
        read_at = utc_now()
        return [
            TransformedBatch(
                record_type=self.table.record_type,
                range=BatchRange(batch.rows[0].key[0], batch.rows[-1].key[0]),
                expected=len(batch.rows),
                fetched=len(batch.rows),
                rows=batch.rows,
                read_at=read_at,
            )
            for batch in batches
        ]

    def load(self, prepared: list[TransformedBatch]) -> int:
        """Every batch through one loader, from `writers` threads."""
        if self.writers == 1:
            return sum(self._load(batch) for batch in prepared)
        with ThreadPoolExecutor(self.writers) as executor:
            return sum(executor.map(self._load, prepared))

    def quarantined(self) -> int:
        """The open rows of `import_rejects`."""
        with self.engine.connect() as connection:
            return int(
                connection.execute(sa.text(f"SELECT COUNT(*) FROM {REJECTS} WHERE resolved_at IS NULL")).scalar_one()
            )

    def _load(self, batch: TransformedBatch) -> int:
        try:
            self._loader.load(batch, job_id=None, run_id="benchmark")
        except WarehouseError:
            return 1
        return 0


class TwoWriters(OneWriter):
    """Two threads with a connection each, which take the batches in turn."""

    name = "ours_two_writers"
    title = "netsuite-pipeline, two writers"
    writers = 2
