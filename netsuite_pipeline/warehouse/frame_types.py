"""The kinds of columns that a frame can have, and a table's column as a typed pandas Series.

Columns are built chunk by chunk and joined typed, so that the rows of a large table never stand in memory as Python
tuples. What a frame's own dtypes mean for a table is in `frame_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_options import FrameOptions
from netsuite_pipeline.warehouse.migration.shapes import resolved
from netsuite_pipeline.warehouse.tables import ExactDecimal

if TYPE_CHECKING:
    import pandas as pd

_MYSQL = mysql.dialect()


class FrameKind(Enum):
    """What the values of a column are. The text names them for people."""

    INTEGER = "whole numbers"
    FLOAT = "floating point numbers"
    DECIMAL = "decimals"
    BOOLEAN = "booleans"
    TEXT = "text"
    DATE = "dates"
    DATETIME = "date-times"
    OTHER = "values of another kind"


def kind_of(column_type: TypeEngine[Any]) -> FrameKind:
    """The kind of a column, from the type that `warehouse.tables` or `frame_table` gives it."""
    # The order matters: Boolean before Integer, and Float before Numeric, of which it is a special case.
    kinds: tuple[tuple[Any, FrameKind], ...] = (
        (sa.Boolean, FrameKind.BOOLEAN),
        (sa.Integer, FrameKind.INTEGER),
        (sa.Float, FrameKind.FLOAT),
        ((ExactDecimal, sa.Numeric), FrameKind.DECIMAL),
        (sa.String, FrameKind.TEXT),
        (sa.DateTime, FrameKind.DATETIME),
        (sa.Date, FrameKind.DATE),
    )
    return next((kind for types, kind in kinds if isinstance(column_type, types)), FrameKind.OTHER)


class FrameColumn:
    """One column of a frame that is being read. Add chunks of values with `add`, then take the `series`."""

    def __init__(self, column: sa.Column[Any], options: FrameOptions) -> None:
        self.name = column.name
        self._kind = kind_of(column.type)
        self._options = options
        self._dtype = _dtype(self._kind, column.type, options)
        self._chunks: list[pd.Series[Any]] = []

    def add(self, values: Sequence[Any]) -> None:
        """The values of the next rows, None for NULL."""
        self._chunks.append(self._typed(values))

    def series(self, warn: Callable[[str], None]) -> pd.Series[Any]:
        """All values, after which the column holds none of them any more.

        `warn` is told of date-times that the time zone has twice or not at all.
        """
        import pandas as pd

        chunks, self._chunks = self._chunks or [self._typed(())], []
        series = chunks[0] if len(chunks) == 1 else pd.concat(chunks, ignore_index=True)
        chunks.clear()
        if self._kind is FrameKind.DATETIME and self._options.time_zone is not None:
            return _localized(series, self._options, column=self.name, warn=warn)
        return series

    def _typed(self, values: Sequence[Any]) -> pd.Series[Any]:
        import numpy as np
        import pandas as pd

        if self._dtype.startswith(("datetime64", "float64")):
            # numpy converts None, and dates of any year; pandas would go through nanoseconds.
            return pd.Series(np.array(values, dtype=self._dtype), copy=False)
        return pd.Series(list(values), dtype=self._dtype)


def _dtype(kind: FrameKind, column_type: TypeEngine[Any], options: FrameOptions) -> str:
    match kind:
        case FrameKind.INTEGER:
            return "Int64"
        case FrameKind.BOOLEAN:
            return "boolean"
        case FrameKind.TEXT:
            return "string"
        case FrameKind.FLOAT:
            return "float64"
        case FrameKind.DECIMAL:
            return "float64" if options.decimals_as_float else "object"
        # Not nanoseconds: they end in 2262, and NetSuite knows open ends such as 9999-12-31.
        case FrameKind.DATE:
            return "datetime64[s]"
        case FrameKind.DATETIME:
            return "datetime64[us]" if getattr(resolved(column_type, _MYSQL), "fsp", None) else "datetime64[s]"
        case FrameKind.OTHER:
            return "object"


def _localized(
    naive: pd.Series[Any], options: FrameOptions, *, column: str, warn: Callable[[str], None]
) -> pd.Series[Any]:
    """The moments of these wall-clock times. One that came twice is the first of the two, one that was skipped is the
    moment at which the clocks were put forward.
    """
    import numpy as np

    zone = options.time_zone
    try:
        localized: pd.Series[Any] = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        unclear = int(localized.isna().sum() - naive.isna().sum())
        if unclear:
            first = np.ones(len(naive), bool)
            localized = naive.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    except (NotImplementedError, OverflowError) as error:
        raise FrameError(
            f"Column {column} holds date-times that cannot be put into the time zone {zone} ({error}): read it without"
            " the option time_zone."
        ) from None
    if unclear:
        warn(
            f"{unclear} date-times of column {column} exist twice or not at all in {zone}, because the clocks were"
            " changed: of two moments the first was taken, of none the moment of the change."
        )
    return localized
