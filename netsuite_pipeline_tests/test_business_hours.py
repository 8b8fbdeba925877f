"""Business hours: which moments are within them."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from netsuite_pipeline.business_hours import BusinessHours

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = BusinessHours.parse("08:00-18:00", zone=BERLIN)


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        # A Monday in winter, one hour ahead of UTC.
        (datetime(2026, 3, 2, 6, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 2, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 2, 16, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 2, 17, 0, tzinfo=UTC), False),
        # A Monday in summer, two hours ahead.
        (datetime(2026, 7, 6, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 6, 16, 0, tzinfo=UTC), False),
        # Friday, Saturday, Sunday.
        (datetime(2026, 3, 6, 12, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 7, 12, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 8, 12, 0, tzinfo=UTC), False),
    ],
)
def test_they_are_on_weekdays_by_the_clocks_of_their_zone(moment: datetime, within: bool) -> None:
    assert HOURS.include(moment) is within


def test_the_weekday_is_that_of_the_zone() -> None:
    # In Auckland it is Monday already.
    auckland = BusinessHours.parse("08:00-18:00", zone=ZoneInfo("Pacific/Auckland"))
    assert auckland.include(datetime(2026, 3, 1, 20, 0, tzinfo=UTC))


def test_minutes_count() -> None:
    hours = BusinessHours.parse(" 07:30-16:45 ", zone=BERLIN)
    assert (hours.start, hours.end) == (time(7, 30), time(16, 45))


@pytest.mark.parametrize(
    "text",
    [
        "8-18",
        "08:00",
        "08:00-24:00",
        "08:00-18:60",
        "18:00-08:00",
        "08:00-08:00",
        "08:00 to 18:00",
        "\u0660\u0668:00-18:00",
    ],
)
def test_what_is_no_pair_of_times_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected "):
        BusinessHours.parse(text, zone=BERLIN)
