"""Columns that an account hardly uses: each row fills one of those its generator leaves alone, in turn.

So every column of a table holds values of its kind somewhere, and nearly all of it is NULL, as in real
accounts. References are left out: an id that leads nowhere would be wrong, not rare.
"""

from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.catalogue import TABLES, Kind
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, day, flag, moment

_TABLES = frozenset({
    "charge", "customer", "item", "job", "location", "pricelevel", "subsidiary", "transaction",
    "transactionline", "vendor",
})  # fmt: skip
# Without the record they belong to these would lead nowhere, too.
_LEFT_ALONE = frozenset({"creditmemoline", "kitmemberof", "revcommittingtransaction", "transferorderitemlineid"})
# Texts that are codes.
_CODES = {"thirdpartycountry": "GB", "shippingcarrier": "nonups", "weightunits": "kg", "supplytype": "BUILD"}


def with_rare_columns(rows: Rows) -> Rows:
    """The rows with one more column filled in each; other tables come back as they are."""
    if rows.table not in _TABLES or not rows.columns:
        return rows
    rare = [
        (name, column.kind)
        for name, column in TABLES[rows.table].columns.items()
        if name not in rows.columns and name not in _LEFT_ALONE and column.target is None
    ]
    if not rare:
        return rows
    return Rows(rows.table, (*rows.columns, *(name for name, _ in rare)), _filled(rows, rare))


def _filled(rows: Rows, rare: Sequence[tuple[str, Kind]]) -> Iterator[tuple[object, ...]]:
    for index, row in enumerate(rows.values):
        extra: list[object] = [None] * len(rare)
        position = index % len(rare)
        extra[position] = _value(*rare[position], index)
        yield (*row, *extra)


def _value(name: str, kind: Kind, index: int) -> object:
    match kind:
        case Kind.INTEGER:
            return index % 900 + 1
        case Kind.DECIMAL:
            # A fraction may come without its zero.
            return f".{index % 9 + 1}" if index % 5 == 0 else cents(index * 37 % 50_000)
        case Kind.FLAG:
            return flag(index % 3)
        case Kind.DATE:
            return day(index % len(DAYS))
        case Kind.DATETIME:
            return moment(index % len(DAYS), index % 86_400)
        case Kind.TEXT:
            return _CODES.get(name, f"R{index}")
