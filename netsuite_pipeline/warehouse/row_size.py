"""What a row of a table takes of MySQL's and InnoDB's limits, and which columns must be TEXT for it to fit.

Worst cases in utf8mb4, so that no value that a column holds can ever make a row too large. Only arithmetic on
declarations; the tables are made of it in `warehouse.tables`.
"""

from collections.abc import Callable, Collection, Iterable
from math import ceil

from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.model import Field, Kind

# MySQL manual, "Limits on Table Column Count and Row Size": the declared columns of one row, whatever the engine,
# and half a page of 16 KiB for what InnoDB keeps of a row in the page.
ROW_BYTES = 65_535
PAGE_BYTES = 8_126
# InnoDB's limit on columns; ours are external_id and the bookkeeping.
_COLUMNS = 1_017
_OWN_COLUMNS = 5

_BYTES_PER_CHARACTER = 4
# A text column of which more than 255 bytes may be stored can leave the page if its value is longer than 40 bytes.
# A shorter column never leaves it, and neither does a number or a date.
_NEVER_LEAVES_BYTES = 255
_STAYS_IN_PAGE = 40 + 2
_LONGTEXT_COUNTS = 12
_FIXED_BYTES = {
    Kind.INTEGER: 8,
    Kind.REFERENCE: 8,
    Kind.BOOLEAN: 1,
    Kind.DATE: 3,
    Kind.DATETIME: 5,
}
# external_id, record_type, row_hash, imported_at and deleted_at, with InnoDB's header and system columns.
_OWN_DECLARED_BYTES = 2 * (64 * _BYTES_PER_CHARACTER + 2) + 16 + 8 + 8
_OWN_PAGE_BYTES = 2 * _STAYS_IN_PAGE + 16 + 8 + 8 + 5 + 6 + 7
_DECIMAL_GROUP = 9
_DECIMAL_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4)


def columns_to_unbound(table: str, fields: Collection[Field]) -> frozenset[str]:
    """The text columns that must be TEXT for a row to fit: the widest first, among equals by name.

    CatalogError if the row does not fit even so.
    """
    if len(fields) + _OWN_COLUMNS > _COLUMNS:
        raise CatalogError(f"Table {table!r} has {len(fields)} columns; InnoDB takes {_COLUMNS - _OWN_COLUMNS}.")
    unbounded: set[str] = set()
    bounded = sorted(
        (field for field in fields if field.kind is Kind.TEXT and field.length is not None),
        key=lambda field: (-declared_bytes(field), field.name),
    )
    for field in bounded:
        too_wide = _total(fields, unbounded, declared_bytes, _LONGTEXT_COUNTS) + _OWN_DECLARED_BYTES > ROW_BYTES
        if too_wide or declared_bytes(field) > ROW_BYTES:
            unbounded.add(field.name)
    for field in bounded:
        if _page_total(fields, unbounded) > PAGE_BYTES and page_bytes(field) > _STAYS_IN_PAGE:
            unbounded.add(field.name)
    taken = _page_total(fields, unbounded)
    if taken > PAGE_BYTES:
        raise CatalogError(
            f"A row of table {table!r} takes {taken} bytes in the page and InnoDB has {PAGE_BYTES}: declare fewer"
            " columns, or a second record type with a table of its own for some of them."
        )
    return frozenset(unbounded)


def row_bytes(table: str, fields: Collection[Field]) -> tuple[int, int]:
    """What a row takes of ROW_BYTES and of PAGE_BYTES; CatalogError if it does not fit."""
    unbounded = columns_to_unbound(table, fields)
    declared = _total(fields, unbounded, declared_bytes, _LONGTEXT_COUNTS) + _OWN_DECLARED_BYTES
    return declared, _page_total(fields, unbounded)


def declared_bytes(field: Field) -> int:
    """What a column counts of ROW_BYTES."""
    if field.kind is Kind.TEXT:
        return _LONGTEXT_COUNTS if field.length is None else field.length * _BYTES_PER_CHARACTER + 2
    return _fixed_bytes(field)


def page_bytes(field: Field) -> int:
    """What a column takes of PAGE_BYTES at most."""
    if field.kind is not Kind.TEXT:
        return _fixed_bytes(field)
    stored = None if field.length is None else field.length * _BYTES_PER_CHARACTER
    return _STAYS_IN_PAGE if stored is None or stored > _NEVER_LEAVES_BYTES else stored + 1


def _fixed_bytes(field: Field) -> int:
    if field.kind is not Kind.DECIMAL:
        return _FIXED_BYTES[field.kind]
    scale = field.scale or 0
    return _digit_bytes((field.precision or 24) - scale) + _digit_bytes(scale)


def _digit_bytes(digits: int) -> int:
    # Nine digits take four bytes (manual, "Precision Math: DECIMAL Data Type Characteristics").
    return digits // _DECIMAL_GROUP * 4 + _DECIMAL_BYTES[digits % _DECIMAL_GROUP]


def _page_total(fields: Iterable[Field], unbounded: Collection[str]) -> int:
    return _total(fields, unbounded, page_bytes, _STAYS_IN_PAGE) + _OWN_PAGE_BYTES


def _total(
    fields: Iterable[Field], unbounded: Collection[str], size_of: Callable[[Field], int], unbounded_size: int
) -> int:
    sizes = [unbounded_size if field.name in unbounded else size_of(field) for field in fields]
    return sum(sizes) + ceil((len(sizes) + _OWN_COLUMNS) / 8)
