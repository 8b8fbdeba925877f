"""The columns that an account lacks: remembered across runs for days, and one run asks for all of them.

How NetSuite is asked is in `netsuite.columns`; what is left out because of it follows from `RecordType.without`.
"""

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from netsuite_pipeline.record_types.model import Field, RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.tables import COLUMN_PROBES, MISSING_COLUMNS, import_tables, utc_now

# A column that comes back is imported again after the first of these times at the latest: permissions are mended, and
# a refusal may have been a passing one. That nothing is missing needs asking less often, since a run notices a loss.
EXPIRY_OF_MISSING = dt.timedelta(days=1)
EXPIRY = dt.timedelta(days=7)
# A run that asks for longer without an answer has died, or takes so long that another may ask as well.
CLAIM = dt.timedelta(seconds=30)
# What the column takes; account ids are far shorter, hosts that stand in for them may not be.
_ACCOUNT_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class MissingColumn:
    """A declared column that an account lacks. `column` is the target table's, `source` NetSuite's, `reason` what
    NetSuite says; `found_at` is when it was first missed, naive UTC.
    """

    record_type: str
    column: str
    source: str
    reason: str
    found_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the account lacked of a record type when it was last asked, at `probed_at`."""

    missing: tuple[MissingColumn, ...]
    probed_at: dt.datetime


class ColumnMemory:
    """What is known of one record type in one account. Every method raises WarehouseError; safe between threads."""

    def __init__(self, engine: sa.Engine, *, account: str, record_type: RecordType) -> None:
        self._engine = engine
        self._account = account
        self._record_type = record_type
        self._declaration = _digest(record_type)
        tables = import_tables(sa.MetaData()).tables
        self._probes, self._columns = tables[COLUMN_PROBES], tables[MISSING_COLUMNS]

    def recall(self) -> Probe | None:
        """The last probe; None when there is none, it has expired, or the declaration has changed since."""
        query = sa.select(self._probes.c.probed_at).where(*self._mine(self._probes), self._is_fresh())
        try:
            with read_connection(self._engine) as connection:
                probed_at = connection.execute(query).scalar_one_or_none()
                if probed_at is None:
                    return None
                missing = self._known(connection)
        except DBAPIError as error:
            raise warehouse_error(error, doing=f"Reading the missing columns of {self._record_type.name}") from None
        return Probe(missing=missing, probed_at=probed_at)

    def claim(self, claimant: str) -> bool:
        """Whether the claimant, and nobody else, is to ask the account now."""
        now, table = utc_now(), self._probes
        claimed = {"declaration": self._declaration, "probed_at": None, "claimed_by": claimant, "claimed_at": now}
        vacant = sa.or_(table.c.claimed_at.is_(None), table.c.claimed_at <= now - CLAIM)
        # Not over a probe that another run stored since this one looked.
        due = sa.or_(table.c.probed_at.is_(None), sa.not_(self._is_fresh()))
        update = table.update().where(*self._mine(table), vacant, due).values(claimed)
        try:
            with self._engine.begin() as connection:
                if connection.execute(update).rowcount == 1:
                    return True
                if connection.execute(sa.select(table.c.account).where(*self._mine(table))).first() is None:
                    connection.execute(table.insert().values(claimed | self._key))
                    return True
        except IntegrityError:
            # Another run claimed it between the look and the insert.
            return False
        except DBAPIError as error:
            raise warehouse_error(error, doing=f"Claiming the columns of {self._record_type.name}") from None
        return False

    def renew(self, claimant: str) -> None:
        """Begins the claim anew, for a run that is still asking; nothing if it has lapsed and is another run's."""
        self._update(self._probes.c.claimed_by == claimant, claimed_at=utc_now())

    def store(self, claimant: str, absent: Collection[tuple[Field, str]]) -> Probe:
        """Notes what the claimant found missing, each field with NetSuite's reason, in place of what was known.

        Should another run have taken the claim and stored its answer meanwhile, or ask for another declaration, nothing
        is noted.
        """
        now, table = utc_now(), self._probes
        done = {"declaration": self._declaration, "probed_at": now, "claimed_by": None, "claimed_at": None}
        # Not only while the claim is held: of probes that all outlast theirs, none would ever be noted.
        unanswered = sa.and_(table.c.probed_at.is_(None), table.c.declaration == self._declaration)
        mine = sa.or_(table.c.claimed_by == claimant, unanswered)
        update = table.update().where(*self._mine(table), mine).values(done)
        try:
            with self._engine.begin() as connection:
                # First, so that the row's lock keeps others out.
                noted = connection.execute(update).rowcount == 1
                since = {known.column: known.found_at for known in self._known(connection)}
                missing = [self._missing(field, reason, since.get(field.name, now)) for field, reason in absent]
                if noted:
                    connection.execute(self._columns.delete().where(*self._mine(self._columns)))
                    if missing:
                        connection.execute(self._columns.insert(), [self._row(column) for column in missing])
        except DBAPIError as error:
            raise warehouse_error(error, doing=f"Noting the missing columns of {self._record_type.name}") from None
        return Probe(missing=tuple(missing), probed_at=now)

    def release(self, claimant: str) -> None:
        """Gives the claim back without an answer, so that another run need not wait for it to lapse."""
        table = self._probes
        self._update(table.c.claimed_by == claimant, claimed_by=None, claimed_at=None)

    def forget(self, probe: Probe) -> None:
        """Expires this probe; a later one stays."""
        self._update(self._probes.c.probed_at == probe.probed_at, probed_at=None)

    def _update(self, condition: sa.ColumnElement[bool], **values: Any) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(self._probes.update().where(*self._mine(self._probes), condition).values(values))
        except DBAPIError as error:
            raise warehouse_error(error, doing=f"Noting the columns of {self._record_type.name}") from None

    @property
    def _key(self) -> dict[str, str]:
        return {"account": self._account, "record_type": self._record_type.name}

    def _mine(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        return [table.c[name] == value for name, value in self._key.items()]

    def _is_fresh(self) -> sa.ColumnElement[bool]:
        now, probed_at = utc_now(), self._probes.c.probed_at
        complete = sa.not_(sa.exists().where(*self._mine(self._columns)))
        young = sa.or_(probed_at > now - EXPIRY_OF_MISSING, sa.and_(probed_at > now - EXPIRY, complete))
        return sa.and_(self._probes.c.declaration == self._declaration, young)

    def _known(self, connection: sa.Connection) -> tuple[MissingColumn, ...]:
        return _listed(connection, self._columns, *self._mine(self._columns))

    def _missing(self, field: Field, reason: str, found_at: dt.datetime) -> MissingColumn:
        return MissingColumn(
            record_type=self._record_type.name, column=field.name, source=field.source, reason=reason, found_at=found_at
        )

    def _row(self, missing: MissingColumn) -> dict[str, Any]:
        return {
            "account": self._account,
            "record_type": missing.record_type,
            "column_name": missing.column,
            "source_column": missing.source,
            "reason": missing.reason,
            "found_at": missing.found_at,
        }


def account_of(settings: Settings) -> str:
    """The name under which an account's missing columns are kept: its id, and the host if that is set."""
    if settings.netsuite_account_id:
        # A sandbox that answers for the account lacks other columns. Its port is another one each time.
        host = urlsplit(settings.netsuite_base_url or "").hostname or ""
        return f"{settings.require_account()} {host}".strip()[:_ACCOUNT_LENGTH]
    return urlsplit(settings.netsuite_url).netloc[:_ACCOUNT_LENGTH]


def missing_columns(engine: sa.Engine, account: str) -> dict[str, list[MissingColumn]]:
    """What the account lacks, as far as runs have found out, by record type and column name.

    Types that lack nothing, or that no run has read yet, are not in it. WarehouseError.
    """
    table = import_tables(sa.MetaData()).tables[MISSING_COLUMNS]
    try:
        with read_connection(engine) as connection:
            known = _listed(connection, table, table.c.account == account)
    except DBAPIError as error:
        raise warehouse_error(error, doing="Reading the missing columns") from None
    found: dict[str, list[MissingColumn]] = {}
    for missing in known:
        found.setdefault(missing.record_type, []).append(missing)
    return found


def _listed(
    connection: sa.Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]
) -> tuple[MissingColumn, ...]:
    names = ("record_type", "column_name", "source_column", "reason", "found_at")
    query = sa.select(*(table.c[name] for name in names)).where(*conditions)
    rows = connection.execute(query.order_by(table.c.record_type, table.c.column_name)).all()
    return tuple(
        MissingColumn(record_type=record_type, column=column, source=source, reason=reason, found_at=found_at)
        for record_type, column, source, reason, found_at in rows
    )


def _digest(record_type: RecordType) -> str:
    # The kind decides how a column is asked for.
    fields = (f"{field.name} {field.source} {field.kind}" for field in record_type.source_fields)
    asked = [repr(record_type.source), *fields]
    return hashlib.blake2b("\0".join(asked).encode(), digest_size=16).hexdigest()
