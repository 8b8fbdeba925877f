"""A run's view of its record type: without the columns that the account lacks, known before the first batch is read.

One run at a time asks NetSuite, the others wait for what it finds. How it is asked is in `netsuite.columns`, how it is
remembered in `warehouse.missing_columns`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from netsuite_pipeline.netsuite.columns import WatchedQueries, probe_columns
from netsuite_pipeline.netsuite.page import Page, Queries
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, MissingColumn, Probe

# Between two looks whether the run that asks has its answer.
_POLL_SECONDS = 0.2

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """A record type as the account has it, the columns it lacks, and queries that notice when one more is lost."""

    record_type: RecordType
    missing: tuple[MissingColumn, ...]
    queries: Queries

    @property
    def warning(self) -> str | None:
        """What a person has to know of the missing columns; None if there are none."""
        if not self.missing:
            return None
        absent = ", ".join(self.record_type.absent)
        return (
            f"{self.record_type.label} records are imported without columns that this account lacks (a feature is off,"
            f" or the role has no permission): {absent}. Their values in {self.record_type.table} stay as they are;"
            f" `netsuite-pipeline record-types show {self.record_type.name}` has the reasons."
        )


def view_of_account(
    record_type: RecordType,
    *,
    memory: ColumnMemory,
    queries: Queries,
    claimant: str,
    sleep: Callable[[float], None] = time.sleep,
) -> AccountView:
    """What this account has of the record type, from memory or by asking NetSuite.

    `claimant` names the run; the runs that come while it asks wait, but not for one that has died. NetSuiteError if a
    column is missing that the type cannot do without, or if NetSuite does not answer; WarehouseError.
    """
    probe = memory.recall()
    while probe is None:
        if memory.claim(claimant):
            probe = _ask(record_type, memory=memory, queries=queries, claimant=claimant)
        else:
            sleep(_POLL_SECONDS)
            probe = memory.recall()
    known = probe
    reduced = record_type.without(column.column for column in known.missing)
    watched = WatchedQueries(client=queries, record_type=reduced, on_lost=lambda: _forget(memory, known))
    return AccountView(record_type=reduced, missing=known.missing, queries=watched)


@dataclass(frozen=True, kw_only=True)
class _RenewingQueries:
    """The queries of a probe: each begins the claim anew, so that a probe of many is not asked by others as well."""

    client: Queries
    memory: ColumnMemory
    claimant: str

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        self.memory.renew(self.claimant)
        return self.client.query(sql, cancelled=cancelled)


def _ask(record_type: RecordType, *, memory: ColumnMemory, queries: Queries, claimant: str) -> Probe:
    renewing = _RenewingQueries(client=queries, memory=memory, claimant=claimant)
    try:
        absences = probe_columns(renewing, record_type)
    except BaseException:
        memory.release(claimant)
        raise
    return memory.store(claimant, [(absence.field, absence.reason) for absence in absences])


def _forget(memory: ColumnMemory, probe: Probe) -> None:
    try:
        memory.forget(probe)
    except WarehouseError:
        # The batch fails in any case, and with the more important reason.
        _LOGGER.warning("It could not be noted that a column is missing.", exc_info=True)
