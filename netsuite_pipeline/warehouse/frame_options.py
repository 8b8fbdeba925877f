"""What the consumer of a frame may choose: columns, how decimals come, and the time zone of date-times.

Options are written into `AssetIn(metadata=...)`; whether a column exists is known where the table is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from netsuite_pipeline.warehouse.errors import FrameError

_DECIMALS = ("decimal", "float")


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """How a table becomes a frame.

    `columns` limits and orders the columns (None: all). Decimals come as Decimal objects, or as float64 if
    `decimals_as_float`, in which digits beyond the 15th are lost. Date-times are naive as they are stored; with
    `time_zone`, which names the zone that they are in, they are aware.
    """

    columns: tuple[str, ...] | None = None
    decimals_as_float: bool = False
    time_zone: ZoneInfo | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any], *, asset: str) -> "FrameOptions":
        """The options in the metadata of the input `asset`; FrameError for one that is unknown or wrong.

        Names with a slash are those of other tools, and none of ours.
        """
        known = {"columns": _columns, "decimals": _decimals, "time_zone": _time_zone}
        options: dict[str, Any] = {}
        for name, value in metadata.items():
            if name in known:
                try:
                    options |= known[name](value)
                except ValueError as error:
                    raise FrameError(f"Option {name!r} of the input {asset} is {value!r}: {error}") from None
            elif "/" not in name:
                raise FrameError(
                    f"The input {asset} has the option {name!r}, which does not exist; there are {', '.join(known)}."
                )
        return cls(**options)


def _columns(value: Any) -> dict[str, Any]:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("expected a list of column names.")
    if len(set(value)) < len(value):
        raise ValueError("it names a column twice.")
    return {"columns": tuple(value)}


def _decimals(value: Any) -> dict[str, Any]:
    if value not in _DECIMALS:
        raise ValueError(f"expected {' or '.join(map(repr, _DECIMALS))}.")
    return {"decimals_as_float": value == "float"}


def _time_zone(value: Any) -> dict[str, Any]:
    try:
        return {"time_zone": ZoneInfo(value)}
    except (KeyError, ValueError, TypeError, OSError):
        # OSError: the name of a folder of the time zone database.
        raise ValueError("expected the name of a time zone such as 'America/Los_Angeles'.") from None
