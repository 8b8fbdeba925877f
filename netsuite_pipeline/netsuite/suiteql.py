"""SuiteQL text, made from a declaration. Pure: strings only, nothing is sent.

Whole numbers are the only values written into a query; everything else is the declaration's own text.
"""

from collections.abc import Sequence

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Field, Kind, Lookup, RecordType

# How a bare date looks depends on the user's preference, and it loses its time (observed on live accounts).
_PATTERNS = {Kind.DATE: "YYYY-MM-DD", Kind.DATETIME: "YYYY-MM-DD HH24:MI:SS"}


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
    key = _batch_column(record_type)
    bucket = f"FLOOR(({key} - {_number(origin)}) / {width})"
    return (
        f"SELECT {bucket} AS bucket, COUNT(*) AS records"
        f" FROM {source_of(record_type)}{_where(record_type, _between(key, within))}"
        f" GROUP BY {bucket} ORDER BY {bucket}"
    )


def join_of(lookup: Lookup) -> str:
    """The join of a lookup, which keeps every row as it is."""
    return f"LEFT JOIN {lookup.table} {lookup.alias} ON {lookup.on}"


def source_of(record_type: RecordType, columns: str = "") -> str:
    """What stands after FROM in a query that selects `columns`: lookups that neither these nor the rest use are left
    out, so that nobody waits for them.
    """
    source = record_type.source
    used = " ".join((columns, source.where or "", *(field.source for field in record_type.key)))
    lookups = [join_of(lookup) for lookup in source.lookups if lookup.is_used_in(used)]
    return " ".join(part for part in (source.view, source.table, source.join, *lookups) if part)


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
    given = [f"({declared})" if declared else None, *conditions]
    text = " AND ".join(condition for condition in given if condition)
    return f" WHERE {text}" if text else ""


def _between(column: str, batch: BatchRange) -> str:
    return f"{column} BETWEEN {_number(batch.first)} AND {_number(batch.last)}"


def _number(value: int) -> str:
    # Two dashes in a row would begin a comment.
    return f"({value:d})" if value < 0 else f"{value:d}"
