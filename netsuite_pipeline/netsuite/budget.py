"""How many requests may be in flight at a moment: what is left of the account's slots, and less in business hours.

How runs share it is decided in `orchestration.concurrency`; a running client's ceiling follows it (`governor`).
"""

import datetime as dt
from dataclasses import dataclass

from netsuite_pipeline.business_hours import BusinessHours
from netsuite_pipeline.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Budget:
    """`usual` requests in flight, and at most `business` within `hours`, where these are set."""

    usual: int
    business: int | None = None
    hours: BusinessHours | None = None

    @property
    def most(self) -> int:
        """The most there ever is."""
        return self.usual

    def at(self, moment: dt.datetime) -> int:
        """How many there are at a moment, aware."""
        if self.hours is not None and self.business is not None and self.hours.include(moment):
            return self.business
        return self.usual


def budget_of(settings: Settings) -> Budget:
    """What all runs together may use: NETSUITE_CONCURRENCY less what is reserved for other integrations."""
    return Budget(
        usual=settings.netsuite_concurrency - settings.netsuite_reserve,
        business=settings.netsuite_business_concurrency,
        hours=settings.business_hours,
    )
