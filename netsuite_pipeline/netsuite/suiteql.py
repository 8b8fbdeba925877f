"""SuiteQL text, made from a declaration. Pure: strings only, nothing is sent.

Whole numbers and moments are the only values written into a query; everything else is the declaration's own text.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Field, Kind, Lookup, RecordType

# How a bare date looks depends on the user's preference, and it loses its time (observed on live accounts).
_PATTERNS = {Kind.DATE: "YYYY-MM-DD", Kind.DATETIME: "YYYY-MM-DD HH24:MI:SS"}
# The most values of one IN (Oracle help section_156257790831).
MAX_IN_VALUES = 1000


def page_query(record_type: RecordType, within: BatchRange, after: Sequence[int] | None) -> str:
    """Every declared column of the rows in the range, in key order, beginning after the key `after`.

    Columns are named as the fields are. Keyset, because NetSuite ends or errs at an offset of 100,000 rows.
    """
    columns = ", ".join(_selected(record_type, field) for field in record_type.source_fields)
    return _ordered(record_type, columns, within, after)


def probe_query(record_type: RecordType) -> str:
    """Every declared column and every condition, of no record: only for whether NetSuite knows them all."""
    columns = ", ".join(_selected(record_type, field) for field in record_type.source_fields)
    # No record has the id 0.
    none = _between(_batch_column(record_type), BatchRange(0, 0))
    return f"SELECT {columns} FROM {source_of(record_type, columns)}{_where(record_type, none)}"


def ids_query(record_type: RecordType, within: BatchRange, after: Sequence[int] | None) -> str:
    """The keys only, otherwise as `page_query`."""
    columns = ", ".join(_selected(record_type, field) for field in record_type.key)
    return _ordered(record_type, columns, within, after)


def bounds_query(record_type: RecordType, from_id: int | None = None) -> str:
    """One row: `records`, `lowest` and `highest` id, counting from `from_id`. Without records, no ids."""
    key = _batch_column(record_type)
    condition = None if from_id is None else f"{key} >= {_number(from_id)}"
    return (
        f"SELECT COUNT(*) AS records, MIN({key}) AS lowest, MAX({key}) AS highest"
        f" FROM {source_of(record_type)}{_where(record_type, condition)}"
    )


def count_query(record_type: RecordType, ranges: Sequence[BatchRange]) -> str:
    """One row with the number of rows in each of `ranges`, as `c0`, `c1` and so on."""
    key = _batch_column(record_type)
    counts = ", ".join(
        f"COUNT(CASE WHEN {_between(key, batch)} THEN 1 END) AS c{index}" for index, batch in enumerate(ranges)
    )
    span = BatchRange(min(batch.first for batch in ranges), max(batch.last for batch in ranges))
    return f"SELECT {counts} FROM {source_of(record_type)}{_where(record_type, _between(key, span))}"


def histogram_query(record_type: RecordType, *, width: int, origin: int, within: BatchRange) -> str:
    """One row per bucket that holds records, ascending: `bucket` and `records`.

    Bucket n holds the ids from `origin + n * width` on, `width` of them.
    """
    return _histogram(record_type, "COUNT(*) AS records", width=width, origin=origin, within=within)


def changed_since(record_type: RecordType, since: dt.datetime, *, or_ids: Sequence[int] = ()) -> RecordType:
    """The declaration narrowed to rows modified at `since` (account-local) or later, and to those of the ids.

    ValueError if the type has no date of modification.
    """
    key = _batch_column(record_type)
    alternatives = [f"{_modified(record_type)} >= {_moment(since)}"]
    for start in range(0, len(or_ids), MAX_IN_VALUES):
        values = ", ".join(map(_number, or_ids[start : start + MAX_IN_VALUES]))
        alternatives.append(f"{key} IN ({values})")
    condition = alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"
    return replace(record_type, source=replace(record_type.source, narrowed=condition))


def census_query(record_type: RecordType, since: dt.datetime) -> str:
    """One row about all records: their `lowest` and `highest` id, and how many `records` there are.

    Of these `changed` were modified at `since` (account-local) or later and `unchanged` before, the others having no
    date of modification. `strays` (only where the type has another such date) are unchanged but by that date. `s0`,
    `s1` and so on are the sums of the summed fields over the unchanged records, without their signs: by double entry,
    signed amounts of a transaction add up to nothing. What is NULL, NetSuite leaves out.
    """
    key = _batch_column(record_type)
    columns = f"MIN({key}) AS lowest, MAX({key}) AS highest, {_census_columns(record_type, since)}"
    return f"SELECT {columns} FROM {source_of(record_type)}{_where(record_type)}"


def census_histogram_query(
    record_type: RecordType, since: dt.datetime, *, width: int, origin: int, within: BatchRange
) -> str:
    """As `histogram_query`, with the counts and sums of `census_query`."""
    return _histogram(record_type, _census_columns(record_type, since), width=width, origin=origin, within=within)


def changed_ids_query(record_type: RecordType, since: dt.datetime, after: int | None) -> str:
    """A page of the ids of changed records (see `changed_since`) as `id`, ascending, each once: of lines, those of
    transactions. It begins after the id `after`.
    """
    key = _batch_column(record_type)
    beyond = None if after is None else f"{key} > {_number(after)}"
    return _ids_once(changed_since(record_type, since), beyond)


def existing_ids_query(record_type: RecordType, ids: Sequence[int]) -> str:
    """Those of the ids, at most as many as one IN takes, that records have, as `id`, ascending, each once."""
    return _ids_once(record_type, f"{_batch_column(record_type)} IN ({', '.join(map(_number, ids))})")


def deletions_query(since: dt.datetime, after: int | None) -> str:
    """A page of the ids that records deleted at `since` (account-local) or later had, ascending, as `recordid`.

    An id says nothing of the record's type, and may come several times; it is asked for beginning after `after`.
    """
    beyond = "" if after is None else f" AND deletedrecord.recordid > {_number(after)}"
    return (
        "SELECT deletedrecord.recordid AS recordid FROM deletedrecord"
        f" WHERE deletedrecord.deleteddate >= {_moment(since)}{beyond} ORDER BY deletedrecord.recordid"
    )


# Alone in its answer, the value is read whatever its column is called: seen are its alias and `expr1`.
ZONE_QUERY = "SELECT SESSIONTIMEZONE AS zone FROM DUAL"


def join_of(lookup: Lookup) -> str:
    """The join of a lookup, which keeps every row as it is."""
    return f"LEFT JOIN {lookup.table} {lookup.alias} ON {lookup.on}"


def source_of(record_type: RecordType, columns: str = "") -> str:
    """What stands after FROM in a query that selects `columns`: lookups that neither these nor the rest use are left
    out, so that nobody waits for them.
    """
    source = record_type.source
    texts = (source.where, source.narrowed, source.modified, source.stray_modified)
    used = " ".join((columns, *(text for text in texts if text), *(field.source for field in record_type.key)))
    lookups = [join_of(lookup) for lookup in source.lookups if lookup.is_used_in(used)]
    return " ".join(part for part in (source.view, source.table, source.join, *lookups) if part)


def _histogram(record_type: RecordType, columns: str, *, width: int, origin: int, within: BatchRange) -> str:
    key = _batch_column(record_type)
    bucket = f"FLOOR(({key} - {_number(origin)}) / {width})"
    return (
        f"SELECT {bucket} AS bucket, {columns}"
        f" FROM {source_of(record_type)}{_where(record_type, _between(key, within))}"
        f" GROUP BY {bucket} ORDER BY {bucket}"
    )


def _ids_once(record_type: RecordType, condition: str | None) -> str:
    key = _batch_column(record_type)
    where = _where(record_type, condition)
    return f"SELECT {key} AS id FROM {source_of(record_type)}{where} GROUP BY {key} ORDER BY {key}"


def _census_columns(record_type: RecordType, since: dt.datetime) -> str:
    moment, stray = _moment(since), record_type.source.stray_modified
    unchanged = f"{_modified(record_type)} < {moment}"
    columns = [
        "COUNT(*) AS records",
        f"COUNT(CASE WHEN {_modified(record_type)} >= {moment} THEN 1 END) AS changed",
        f"COUNT(CASE WHEN {unchanged} THEN 1 END) AS unchanged",
    ]
    if stray is not None:
        columns.append(f"COUNT(CASE WHEN {unchanged} AND {stray} >= {moment} THEN 1 END) AS strays")
    columns += [
        f"SUM(CASE WHEN {unchanged} THEN ABS({_column(record_type, summed)}) END) AS s{number}"
        for number, summed in enumerate(record_type.summed_fields)
    ]
    return ", ".join(columns)


def _modified(record_type: RecordType) -> str:
    source = record_type.source
    if source.modified is None:
        raise ValueError(f"{record_type.name} has no date of modification.")
    return source.modified if "." in source.modified else f"{source.table}.{source.modified}"


def _moment(value: dt.datetime) -> str:
    return f"TO_DATE('{value:%Y-%m-%d %H:%M:%S}', '{_PATTERNS[Kind.DATETIME]}')"


def _ordered(record_type: RecordType, columns: str, within: BatchRange, after: Sequence[int] | None) -> str:
    key = _batch_column(record_type)
    # The columns, not their aliases: an alias of a converted key would sort as text.
    order = ", ".join(_column(record_type, field) for field in record_type.key)
    conditions = [_between(key, within)]
    if after is not None:
        conditions.append(_beyond(record_type, after))
    return f"SELECT {columns} FROM {source_of(record_type, columns)}{_where(record_type, *conditions)} ORDER BY {order}"


def _beyond(record_type: RecordType, after: Sequence[int]) -> str:
    # (k1 > a OR (k1 = a AND k2 > b)): Oracle has no row comparison with an order.
    columns = [_column(record_type, field) for field in record_type.key]
    alternatives = []
    for position, (column, last) in enumerate(zip(columns, after, strict=True)):
        equal = [f"{columns[before]} = {_number(after[before])}" for before in range(position)]
        alternative = " AND ".join([*equal, f"{column} > {_number(last)}"])
        alternatives.append(f"({alternative})" if equal else alternative)
    return alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"


def _selected(record_type: RecordType, field: Field) -> str:
    column = _column(record_type, field)
    pattern = _PATTERNS.get(field.kind)
    value = column if pattern is None else f"TO_CHAR({column}, '{pattern}')"
    return f"{value} AS {field.name}"


def _column(record_type: RecordType, field: Field) -> str:
    # Whoever wrote an expression or named a table has said which table is meant.
    qualified = field.is_expression or "." in field.source
    return field.source if qualified else f"{record_type.source.table}.{field.source}"


def _batch_column(record_type: RecordType) -> str:
    return _column(record_type, record_type.batch_field)


def _where(record_type: RecordType, *conditions: str | None) -> str:
    declared = record_type.source.where
    given = [f"({declared})" if declared else None, *conditions, record_type.source.narrowed]
    text = " AND ".join(condition for condition in given if condition)
    return f" WHERE {text}" if text else ""


def _between(column: str, batch: BatchRange) -> str:
    return f"{column} BETWEEN {_number(batch.first)} AND {_number(batch.last)}"


def _number(value: int) -> str:
    # Two dashes in a row would begin a comment.
    return f"({value:d})" if value < 0 else f"{value:d}"
