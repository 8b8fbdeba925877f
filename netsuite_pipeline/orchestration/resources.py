"""What a run gets from outside: the settings, the warehouse and a NetSuite client.

No connection and no secret is opened or read before a run asks; loading the code location needs neither.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Self

import dagster as dg
from sqlalchemy import Engine, MetaData

from netsuite_pipeline.netsuite.auth import credentials_digest
from netsuite_pipeline.netsuite.budget import Budget
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.retry import ATTEMPTS
from netsuite_pipeline.orchestration.heartbeat import heartbeats
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.logins import RefusedLogins
from netsuite_pipeline.warehouse.migration.changes_table import change_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline.waves.tables import wave_metadata


# Every run and every tick of a sensor asks, and 1,200 columns take a quarter of a second to declare.
@lru_cache(maxsize=8)
def warehouse_metadata(catalog: Catalog) -> MetaData:
    """Every table of the warehouse: the record types', those of imports, of upgrades and of waves.

    The same for everyone who asks with the same catalog: to be read and not to be changed.
    """
    metadata = target_metadata(catalog)
    import_tables(metadata)
    change_tables(metadata)
    wave_metadata(metadata)
    return metadata


class PipelineResource(dg.ConfigurableResource["PipelineResource"]):
    """Everything is configured by environment variables (see `settings`), so there is nothing to configure here."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Lasts as long as the work of a run, whose heartbeats are sent meanwhile. Sensors have no run."""
        if context.run is None:
            yield self
            return
        with heartbeats(context.run.run_id, self.engine):
            yield self

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
    def client(
        self,
        *,
        concurrency: int | Budget = 1,
        timeout: float | None = None,
        attempts: int = ATTEMPTS,
        patience: float = 0.0,
        on_outage: Callable[[], None] | None = None,
        insist: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Iterator[NetSuiteClient]:
        """A client that has at most `concurrency` requests in flight and sends each at most `attempts` times.

        It waits `patience` seconds for a NetSuite that is away, and calls `on_outage` before it does.

        `timeout`, in seconds, is an upper bound on NETSUITE_TIMEOUT for callers that cannot wait that long. Credentials
        that were refused lately are not tried again, unless a person is there who asks for it: then `insist`. In the
        end `tell` is told in one line what was asked and how it was answered.
        """
        settings = self.settings()
        if timeout is not None and timeout < settings.netsuite_timeout:
            settings = settings.model_copy(update={"netsuite_timeout": timeout})
        logins = RefusedLogins(self.engine, credentials_digest(settings))
        with NetSuiteClient.connect(
            settings,
            concurrency=concurrency,
            paused_until=None if insist else logins.paused_until(),
            on_login=logins.remember,
            attempts=attempts,
            patience=patience,
            on_outage=on_outage,
        ) as client:
            try:
                yield client
            finally:
                if tell is not None:
                    tell(client.stats.summary)
