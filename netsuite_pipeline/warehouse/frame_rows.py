"""A person's frame as the rows of its table: columns, keys and partitions checked, values typed, hashes made.

Single values are converted by `frame_values`; what becomes of the rows is in `frame_upsert`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import hash_values
from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_table import ROW_HASH, check_existing, designed_table
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_types import FrameKind, kind_of
from netsuite_pipeline.warehouse.frame_values import FrameColumnValues, shown

if TYPE_CHECKING:
    import pandas as pd

# MySQL's limit.
_NAME_LENGTH = 64
_SHOWN_KEYS = 3
_PARTITION_VALUES: dict[FrameKind, Callable[[str], Any]] = {
    FrameKind.TEXT: str,
    FrameKind.INTEGER: int,
    FrameKind.DATE: dt.date.fromisoformat,
}


@dataclass(frozen=True, kw_only=True)
class FrameRows:
    """The rows of a frame in key order.

    Each row's values are those of `names`; its key is in the order of the table's primary key. `is_new` says that the
    table is yet to be created.
    """

    table: sa.Table
    names: tuple[str, ...]
    rows: list[Row]
    is_new: bool


def frame_rows(frame: pd.DataFrame, target: FrameTarget, existing: sa.Table | None) -> FrameRows:
    """The rows for the existing table, or for a new one that is made for them; FrameError if they do not fit."""
    columns = {name: FrameColumnValues(name, series) for name, series in _named_columns(frame, target).items()}
    if existing is None:
        table = _designed(columns, target)
    else:
        check_existing(existing, target, columns)
        table = existing
    key = [column.name for column in table.primary_key]
    # Not in the frame's order, so that columns that only change places change no hash.
    names = (*key, *sorted(columns.keys() - set(key)))
    bounded = {*key, target.partition_column}
    values = [columns[name].for_column(table.c[name], in_key=name in bounded) for name in names]
    # What a value is of: under another name, or as another kind, it is not the same.
    salt = hash_values((*names, *(kind_of(table.c[name].type).value for name in names)))
    rows = [Row(entry[: len(key)], entry, hash_values(entry, salt=salt)) for entry in zip(*values, strict=True)]
    _check_keys(rows, key, target)
    if target.partitions is not None:
        _check_partitions(values[names.index(target.partition_column)], rows, table, target)
    rows.sort(key=lambda row: row.key)
    return FrameRows(table=table, names=names, rows=rows, is_new=existing is None)


def partition_values(table: sa.Table, target: FrameTarget) -> list[Any]:
    """The partitions of the target as values of the partition column; FrameError if they cannot be."""
    if target.partition_column not in table.c:
        raise FrameError(
            f"Table {table.name} has no column {target.partition_column}, which asset {target.asset} declares as its"
            " partition_column."
        )
    column = table.c[target.partition_column]
    value_of = _PARTITION_VALUES.get(kind_of(column.type))
    try:
        if value_of is None:
            raise ValueError(column.type)  # noqa: TRY301 - one sentence for both
        return [value_of(key) for key in target.partitions or ()]
    except ValueError:
        raise FrameError(
            f"Column {column.name} of table {table.name} cannot hold the partition keys of {target.asset} (e.g."
            f" {(target.partitions or ('',))[0]}): make it text, or whole numbers or dates where every key is one."
        ) from None


def shown_keys(keys: Sequence[tuple[Any, ...]]) -> str:
    """The first of the keys for a sentence: `('north', '2026-01'), ('north', '2026-02')`."""
    return ", ".join(f"({', '.join(map(shown, key))})" for key in keys[:_SHOWN_KEYS])


def _named_columns(frame: pd.DataFrame, target: FrameTarget) -> dict[str, pd.Series[Any]]:
    # What groupby leaves in the index are columns too; an index without names is only a numbering.
    if all(name is not None for name in frame.index.names):
        if both := [name for name in frame.index.names if name in frame.columns]:
            raise FrameError(f"The frame of {target.asset} has {both[0]!r} as a column and in its index: drop one.")
        frame = frame.reset_index()
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str) or not name or len(name) > _NAME_LENGTH or name != name.strip():
            raise FrameError(
                f"The frame of {target.asset} has a column called {name!r}: a name is text of at most {_NAME_LENGTH}"
                " characters without blanks at its ends."
            )
    # To MySQL and SQLite, Name and name are one.
    counts = Counter(name.lower() for name in names)
    if twice := [name for name in names if counts[name.lower()] > 1]:
        raise FrameError(f"The frame of {target.asset} has the column {twice[0]!r} twice: rename one.")
    if ROW_HASH in counts:
        raise FrameError(
            f"The frame of {target.asset} has a column {ROW_HASH}, where the table keeps its own: rename it."
        )
    needed = [*target.key, *([target.partition_column] if target.partitions is not None else [])]
    if missing := [name for name in needed if name not in names]:
        raise FrameError(
            f"The frame of {target.asset} lacks the column {missing[0]!r}, which the asset's metadata names; it has"
            f" {', '.join(names) or 'none'}."
        )
    return {name: frame[name] for name in names}


def _designed(columns: dict[str, FrameColumnValues], target: FrameTarget) -> sa.Table:
    kinds = {}
    for column in columns.values():
        if column.kind is None:
            raise FrameError(
                f"Column {column.name} of the first frame of {target.asset} has no value that shows what it holds, so"
                f" its table cannot be created: give it a dtype, e.g. frame.astype({{{column.name!r}: 'string'}})."
            )
        kinds[column.name] = column.kind
    decimals = {name: columns[name].decimal_type() for name, kind in kinds.items() if kind is FrameKind.DECIMAL}
    return designed_table(target, kinds, decimals)


def _check_keys(rows: Sequence[Row], key: Sequence[str], target: FrameTarget) -> None:
    named = f"key ({', '.join(key)})"
    if empty := [row.key for row in rows if None in row.key]:
        raise FrameError(
            f"The frame of {target.asset} has {len(empty)} rows without a value in a column of the {named}, e.g."
            f" {shown_keys(empty)}; nothing was written."
        )
    counts = Counter(row.key for row in rows)
    if repeated := [value for value, count in counts.items() if count > 1]:
        raise FrameError(
            f"The frame of {target.asset} has several rows with the same {named} for {len(repeated)} keys, e.g."
            f" {shown_keys(repeated)}; nothing was written."
        )


def _check_partitions(found: Sequence[Any], rows: Sequence[Row], table: sa.Table, target: FrameTarget) -> None:
    # A row of another partition would be taken away from it, and never be deleted with this one.
    allowed = set(partition_values(table, target))
    if strangers := [row.key for row, value in zip(rows, found, strict=True) if value not in allowed]:
        raise FrameError(
            f"The frame of {target.asset} has {len(strangers)} rows whose {target.partition_column} is no partition of"
            f" this run ({', '.join((target.partitions or ())[:_SHOWN_KEYS])}), e.g. {shown_keys(strangers)}; nothing"
            " was written."
        )
