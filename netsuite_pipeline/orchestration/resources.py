"""What a run gets from outside: the settings, the warehouse and a NetSuite client.

No connection and no secret is opened or read before a run asks; loading the code location needs neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy import Engine, MetaData

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline.waves.tables import wave_metadata


def warehouse_metadata(catalog: Catalog) -> MetaData:
    """Every table of the warehouse: the record types', those of imports and those of waves."""
    metadata = target_metadata(catalog)
    import_tables(metadata)
    wave_metadata(metadata)
    return metadata


class PipelineResource(dg.ConfigurableResource["PipelineResource"]):
    """Everything is configured by environment variables (see `settings`), so there is nothing to configure here."""

    def settings(self) -> Settings:
        """The settings of this process; SettingsError if one is wrong."""
        return Settings.load()

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """A connection pool to the warehouse, closed at the end."""
        engine = connect(self.settings().warehouse_url.get_secret_value())
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def client(self, *, sharing_runs: int | None = 1, timeout: float | None = None) -> Iterator[NetSuiteClient]:
        """A client that takes an equal share of NETSUITE_CONCURRENCY among `sharing_runs` runs, at least one slot.

        None: nobody knows how many runs there are, so it takes one slot. `timeout`, in seconds, is an upper bound on
        NETSUITE_TIMEOUT for callers that cannot wait that long.
        """
        settings = self.settings()
        if timeout is not None and timeout < settings.netsuite_timeout:
            settings = settings.model_copy(update={"netsuite_timeout": timeout})
        concurrency = max(1, settings.netsuite_concurrency // sharing_runs) if sharing_runs else 1
        with NetSuiteClient.connect(settings, concurrency=concurrency) as client:
            yield client
