"""dlt's SQLAlchemy destination with write_disposition `merge` on the primary key.

dlt is imported when it is used: only `make bench` installs it. Its telemetry is off.
"""

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.rivals import as_dicts
from benchmarks.tables import Batch
from benchmarks.technique import Scenario, Technique
from netsuite_pipeline.record_types.model import Field, Kind

# Before dlt is imported, which reads them then.
_ENVIRONMENT = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}

_TYPES = {
    Kind.INTEGER: "bigint",
    Kind.REFERENCE: "bigint",
    Kind.TEXT: "text",
    Kind.DECIMAL: "decimal",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamp",
}


class DltMerge(Technique):
    """One pipeline run over all rows, as dlt is made for. It has the columns' types and a primary key beforehand."""

    name = "dlt"
    title = "dlt, merge"
    share = 1 / 3

    def create_table(self) -> None:
        """Runs the pipeline over one row, so that schema and tables exist, and empties the table."""
        os.environ.update(_ENVIRONMENT)
        import dlt
        from dlt.destinations import sqlalchemy

        # Of dlt's own making it would have the server's character set, which need not take all of Unicode.
        self.database.create(f"{self.schema}_staging")
        self._folder = tempfile.TemporaryDirectory()
        url = self.engine.url.set(database=None).render_as_string(hide_password=False)
        self._pipeline = dlt.pipeline(
            self.schema,
            destination=sqlalchemy(url, create_primary_keys=True),
            dataset_name=self.schema,
            pipelines_dir=self._folder.name,
        )
        self._resource = partial(
            dlt.resource,
            name=self.table.record_type.table,
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            primary_key="refid",
            columns={field.name: _hints(field) for field in self.table.fields},
        )
        self.load(as_dicts(self.table, Batch(self.table.batches(1)[0].rows[:1])))
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {self.table.record_type.table}")

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> list[dict[str, Any]]:  # noqa: ARG002
        """All rows as dictionaries."""
        return [row for batch in batches for row in as_dicts(self.table, batch)]

    def load(self, prepared: list[dict[str, Any]]) -> int:
        """Extract, normalize, load into the staging table, merge from there: all rows or none."""
        from dlt.pipeline.exceptions import PipelineStepFailed

        try:
            self._pipeline.run(self._resource(prepared))
        except PipelineStepFailed:
            return 1
        return 0

    def close(self) -> None:
        """Drops the staging database too."""
        super().close()
        self.database.drop(f"{self.schema}_staging")


def _hints(field: Field) -> dict[str, Any]:
    hints: dict[str, Any] = {"name": field.name, "data_type": _TYPES[field.kind], "nullable": field.nullable}
    if field.kind is Kind.DECIMAL:
        hints |= {"precision": field.precision, "scale": field.scale}
    if field.kind is Kind.TEXT and field.length:
        hints["precision"] = field.length
    if field.kind is Kind.DATETIME:
        hints["timezone"] = False
    return hints
