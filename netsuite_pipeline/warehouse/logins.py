"""Credentials that NetSuite refused: remembered across runs, so that together they do not lock the login.

Five failed logins within 30 minutes lock it (Oracle help subsect_156935170194), and every client tries twice.
"""

import datetime as dt
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import WarehouseError, warehouse_error
from netsuite_pipeline.warehouse.tables import REFUSED_LOGINS, import_tables, utc_now

PAUSE = dt.timedelta(minutes=30)

_LOGGER = logging.getLogger(__name__)


class RefusedLogins:
    """What is known of one set of credentials, named by their digest. `engine` opens the warehouse when needed."""

    def __init__(self, engine: Callable[[], AbstractContextManager[sa.Engine]], digest: str) -> None:
        self._engine = engine
        self._digest = digest
        self._table = import_tables(sa.MetaData()).tables[REFUSED_LOGINS]

    def paused_until(self) -> dt.datetime | None:
        """When the credentials may be tried again, naive UTC; None if they may be now. WarehouseError."""
        query = sa.select(self._table.c.refused_at).where(self._table.c.credentials == self._digest)
        try:
            with self._engine() as engine, read_connection(engine) as connection:
                refused_at = connection.execute(query).scalar_one_or_none()
        except DBAPIError as error:
            raise warehouse_error(error, doing="Looking for refused logins") from None
        until: dt.datetime | None = None if refused_at is None else refused_at + PAUSE
        return until if until is not None and until > utc_now() else None

    def remember(self, *, accepted: bool) -> None:
        """Notes what NetSuite said. A database that is away is no reason to fail: the import says so itself."""
        mine = self._table.c.credentials == self._digest
        try:
            with self._engine() as engine, engine.begin() as connection:
                connection.execute(self._table.delete().where(mine))
                if not accepted:
                    connection.execute(self._table.insert().values(credentials=self._digest, refused_at=utc_now()))
        except (DBAPIError, WarehouseError) as error:
            # A warehouse without tables, before the first import, has nothing that an accepted login could mend.
            if not accepted:
                known = error if isinstance(error, WarehouseError) else warehouse_error(error, doing="Writing it down")
                _LOGGER.warning("It could not be noted that NetSuite refused the login: %s", known)
