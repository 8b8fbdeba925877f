"""Each record type: whether the account has it, and which of its columns it lacks. One query at a time, no record read.

A type may be missing on purpose, so what is missing is a warning. How columns are found out is in `netsuite.columns`.
"""

import threading
import time

from netsuite_pipeline.doctor.account import SUITEQL, Account
from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, listed, ok, warning
from netsuite_pipeline.doctor.settings import RECORD_TYPES, Configuration
from netsuite_pipeline.netsuite.columns import Absence, probe_columns
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    QueryCancelled,
    QueryRejected,
    RecordTypeUnavailable,
    RequiredColumnMissing,
)
from netsuite_pipeline.netsuite.reading import MeteredQueries
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import SettingsError

# For all of them together; an account takes a second for one, and some more for each missing column.
_BUDGET_SECONDS = 120.0
# Beside what is left of the budget: the request that is in flight when it ends.
_LOOK_SECONDS = _BUDGET_SECONDS + 60.0


class Probes:
    """Asks for one record type after the other until the time that all of them have together is over."""

    def __init__(self, account: Account, *, budget: float = _BUDGET_SECONDS) -> None:
        """`budget` is in seconds, from the first question on."""
        self._account = account
        self._budget = budget
        self._ends: float | None = None
        self._refused = False

    def answer(self, record_type: RecordType) -> Answer:
        """What the account has of the type."""
        if self._refused:
            raise NotChecked("the login was refused meanwhile, and nothing more is sent")
        try:
            absences = self._absences(record_type)
        except QueryCancelled:
            raise NotChecked(
                f"the {self._budget:.0f} s for all record types are over; once more: netsuite-pipeline doctor --only"
                " record-types"
            ) from None
        except AuthenticationFailed:
            self._refused = True
            raise
        except (RecordTypeUnavailable, RequiredColumnMissing, QueryRejected) as refusal:
            return warning(
                f"unavailable: {refusal.said}",
                "if you need it, switch its feature on in NetSuite and let the role view it; imports go on without it",
            )
        columns = len(record_type.source_fields)
        if not absences:
            return ok(f"all {columns} columns")
        missing = [absence.field.source for absence in absences]
        return warning(
            f"{len(missing)} of {columns} columns are missing: {listed(missing)}",
            "if you need them, switch the feature on or let the role see them; their values stay as they are."
            f" Reasons: netsuite-pipeline record-types show {record_type.name}",
        )

    def _absences(self, record_type: RecordType) -> tuple[Absence, ...]:
        self._ends = self._ends or time.monotonic() + self._budget
        over = threading.Event()
        timer = threading.Timer(self._ends - time.monotonic(), over.set)
        if self._ends <= time.monotonic():
            over.set()
        timer.start()
        try:
            return probe_columns(MeteredQueries(self._account.client, over), record_type)
        finally:
            timer.cancel()


def record_type_checks(account: Account, configuration: Configuration) -> tuple[Check, ...]:
    """A check for each record type. If declarations are unusable, the built-in ones stand for what is not looked at."""
    probes = Probes(account)
    try:
        catalog = configuration.catalog
    except (CatalogError, SettingsError):
        catalog = CATALOG
    return tuple(_check(probes, record_type) for record_type in catalog)


def _check(probes: Probes, record_type: RecordType) -> Check:
    return Check(
        id=f"record_types.{record_type.name}",
        group=Group.RECORD_TYPES,
        attempted=record_type.name,
        look=lambda: probes.answer(record_type),
        needs=(RECORD_TYPES, SUITEQL),
        remedy="look at status.netsuite.com and at proxies in between",
        seconds=_LOOK_SECONDS,
    )
