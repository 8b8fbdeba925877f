"""NetSuite's clock and the account's time zone: from which local time on to look for changes.

NetSuite tells the time in UTC and keeps dates of modification in the account's zone, without saying which of two equal
local times is meant when clocks are put back. How a question is sent is `client`'s business.
"""

import datetime as dt
import logging
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from netsuite_pipeline.netsuite.errors import QueryRejected, RecordTypeUnavailable
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY

_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")
# Local time is at least twelve hours behind UTC nowhere but on uninhabited islands: a bound where no zone is known.
_FURTHEST_BEHIND = dt.timedelta(hours=12)
# No clock was ever put back by more at once, but for whole days.
_LONGEST_STEP = dt.timedelta(hours=3)
_SUMMER_TIME = dt.timedelta(hours=1)

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AccountClock:
    """The zones that may be the account's, of which the one that is furthest behind counts, and how far to look back.

    Without any the zone is unknown. `overlap` is how far before a moment changes are looked for again: a change gets
    its date when it begins and is seen when it is committed.
    """

    zones: tuple[dt.tzinfo, ...]
    overlap: dt.timedelta

    def since(self, watermark: dt.datetime) -> dt.datetime:
        """The earliest account-local time that a record modified at `watermark` (naive UTC), less the overlap, or later
        can have.
        """
        moment = watermark - self.overlap
        return min((_earliest(moment, zone) for zone in self.zones), default=moment - _FURTHEST_BEHIND)


def _earliest(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    if isinstance(zone, dt.timezone):
        # It is today's, and clocks may have been put forward since.
        return moment + _offset(moment, zone) - _SUMMER_TIME
    # Soon after this moment the clocks may be put back, and later changes get earlier local times.
    put_back = _offset(moment, zone) - _offset(moment + _LONGEST_STEP, zone)
    return moment + _offset(moment, zone) - max(put_back, dt.timedelta())


def _offset(moment: dt.datetime, zone: dt.tzinfo) -> dt.timedelta:
    return moment.replace(tzinfo=dt.UTC).astimezone(zone).utcoffset() or dt.timedelta()


def account_zone(client: Queries) -> dt.tzinfo | None:
    """The zone in which NetSuite shows dates to this user; None, with a warning, if it does not tell it."""
    try:
        rows = client.query(ZONE_QUERY).items
    except (QueryRejected, RecordTypeUnavailable) as error:
        _LOGGER.warning("NetSuite does not tell the account's time zone, set NETSUITE_TIME_ZONE: %s", error)
        return None
    values = [value for row in rows for name, value in row.items() if name != "links"]
    zone = zone_of(str(values[0])) if len(values) == 1 else None
    if zone is None:
        _LOGGER.warning("NetSuite's time zone is not known here, set NETSUITE_TIME_ZONE: %s", values)
    return zone


def zone_of(name: str) -> dt.tzinfo | None:
    """The zone of a name such as America/Los_Angeles or of an offset such as -08:00; None if there is no such zone."""
    if match := _OFFSET.fullmatch(name):
        offset = dt.timedelta(hours=int(match[2]), minutes=int(match[3]))
        return dt.timezone(-offset if match[1] == "-" else offset) if offset < dt.timedelta(hours=24) else None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # An unknown name is a KeyError, one like `../x` a ValueError, and a folder of zones an OSError.
        return None
