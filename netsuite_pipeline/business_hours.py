"""Business hours: from one time of day to another, Monday to Friday, in one time zone."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, kw_only=True)
class BusinessHours:
    """From `start` to just before `end` of every weekday, by the clocks of `zone`."""

    start: dt.time
    end: dt.time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, *, zone: ZoneInfo) -> Self:
        """The hours of a text such as 08:00-18:00; ValueError if it is none."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("expected two times of a day such as 08:00-18:00")
        hours = cls(start=dt.time(int(found[1]), int(found[2])), end=dt.time(int(found[3]), int(found[4])), zone=zone)
        if hours.start >= hours.end:
            raise ValueError("expected the first time to be before the second, on the same day")
        return hours

    def include(self, moment: dt.datetime) -> bool:
        """Whether a moment, aware, is within them. Public holidays are weekdays like others."""
        local = moment.astimezone(self.zone)
        return local.weekday() not in _WEEKEND and self.start <= local.time() < self.end
