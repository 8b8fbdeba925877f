"""What a load must leave behind, row by row and value by value: the sent values, or a reject and the row as it was.

A repaired value differs from what was sent, and `value_repairs` says so of exactly this value.
Reads with the driver's own values on a connection of its own, so that nothing of the loader's can hide a difference.
How cases are made is in `random_batches`.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.model import Kind, RecordType
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.repairs import RepairKind
from netsuite_pipeline.warehouse.tables import BOOKKEEPING, LEDGER, REJECTS, REPAIRS
from netsuite_pipeline_tests.warehouse.samples import while_loading

Key = tuple[int, ...]
Stored = dict[str, Any]
Table = dict[Key, Stored]
Repairs = dict[str, tuple[str, str | None, str]]
# What makes a row unchanged.
_STATE = ("record_type", "row_hash", "deleted_at")


@dataclass(frozen=True, kw_only=True)
class State:
    """What is in the database: rows, open rejects, repairs by (record type, row_key), and how many ledgers."""

    table: Table
    rejects: frozenset[tuple[str, str]]
    repairs: dict[tuple[str, str], Repairs]
    ledgers: int


class Observer:
    """Reads tables through a connection that was made before any server setting was changed."""

    def __init__(self, connection: sa.Connection, table: sa.Table, types: tuple[RecordType, ...]) -> None:
        self._connection = connection
        self._table = table
        self._kinds = {field.name: field.kind for one in types for field in (*one.key, *one.value_fields)}

    def state(self) -> State:
        """All there is, now."""
        repairs: dict[tuple[str, str], Repairs] = defaultdict(dict)
        query = f"SELECT record_type, row_key, column_name, repair, original, stored FROM {REPAIRS}"
        for name, key, column, *repair in self._rows(query):
            repairs[name, key][column] = tuple(repair)
        rejects = self._rows(f"SELECT record_type, row_key FROM {REJECTS} WHERE resolved_at IS NULL")
        ledgers = self._rows(f"SELECT COUNT(*) FROM {LEDGER}")[0][0]
        found = State(table=self._read(), rejects=frozenset(rejects), repairs=dict(repairs), ledgers=int(ledgers))
        self._connection.rollback()
        return found

    def _read(self) -> Table:
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        columns = [column.name for column in self._table.columns]
        width = len(self._table.primary_key)
        found = self._rows(f"SELECT {', '.join(map(quote, columns))} FROM {self._table.name}")
        rows = [{name: self._canonical(name, value) for name, value in zip(columns, row, strict=True)} for row in found]
        table = {tuple(row[name] for name in columns[:width]): row for row in rows}
        assert len(table) == len(rows)
        return table

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.exec_driver_sql(sql)]

    def _canonical(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in BOOKKEEPING or name == "external_id":
            return _moment(value) if name.endswith("_at") else value
        return canonical(self._kinds[name], value)


def canonical(kind: Kind, value: Any) -> Any:
    """The driver's value as the Python value that stands for it in a Row; any other stays what it is."""
    match kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return int(value) if isinstance(value, Decimal) and value == int(value) else value
        case Kind.BOOLEAN:
            return bool(value) if isinstance(value, (int, Decimal)) and value in {0, 1} else value
        case Kind.DECIMAL:
            return Decimal(value) if isinstance(value, (str, Decimal)) else value
        case Kind.DATE:
            moment = _moment(value)
            midnight = isinstance(moment, dt.datetime) and moment.time() == dt.time()
            return moment.date() if midnight else value
        case Kind.DATETIME:
            return _moment(value)
        case Kind.TEXT:
            return value


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    return dt.datetime.combine(value, dt.time()) if type(value) is dt.date else value


def same(one: Any, other: Any) -> bool:
    """Whether two values are of one type and equal."""
    return type(one) is type(other) and one == other


def _says(repair: tuple[str, str | None, str] | None, sent: Any, found: Any) -> bool:
    """Whether the repair explains that `found` is there instead of `sent`."""
    if repair is None:
        return False
    kind, original, stored = repair
    if kind == RepairKind.TRUNCATED:
        return (original, stored) == (sent, found) and sent.startswith(found)
    default = stored.strip("'").removesuffix(" 00:00:00")
    if isinstance(found, (bool, int, Decimal)):
        as_found = Decimal(found) == Decimal(default)
    else:
        as_found = str(found).removesuffix(" 00:00:00") == default or "timestamp" in default.lower()
    return sent is None and original is None and as_found


class Oracle:
    """What was before one load, against which what is afterwards is held."""

    def __init__(self, before: State, batch: TransformedBatch) -> None:
        self._before = before
        self._batch = batch
        self._name = batch.record_type.name
        counted = Counter(row.key for row in batch.rows)
        counted.update(one.key for one in batch.rejections if one.key is not None)
        self._sent = {row.key: row for row in batch.rows if counted[row.key] == 1}
        self._rejected = counted.keys() - self._sent.keys()

    def failed(self, after: State) -> None:
        """A batch that failed as a whole left nothing."""
        assert after == self._before

    def loaded(self, after: State, ledger: Ledger) -> int:
        """Every row, reject and count is accounted for; how many rows the database refused."""
        before = self._before
        counts = Counter[str]()
        for key in self._sent:
            name = self._reject_of(key)
            repairs = after.repairs.get(name, {})
            rejected = name in after.rejects
            became = self._sent_row(key, after.table.get(key), ledger, rejected=rejected, repairs=repairs)
            if became in {"refused", "unchanged"}:
                assert repairs == before.repairs.get(name, {}), f"row {key} is {became} and repaired"
            counts[became] += 1
        for key in self._rejected:
            assert after.table.get(key) == before.table.get(key), f"rejected row {key} was changed"
            assert self._reject_of(key) in after.rejects, f"rejected row {key} has no reject"
        for key in (after.table.keys() | before.table.keys()) - self._sent.keys() - self._rejected:
            counts["deleted"] += self._other_row(key, after.table.get(key), ledger)
        self._ledger(ledger, counts)
        assert after.ledgers == before.ledgers + 1
        return counts["refused"]

    def _sent_row(self, key: Key, found: Stored | None, ledger: Ledger, *, rejected: bool, repairs: Repairs) -> str:
        before = self._before.table.get(key)
        if rejected:
            assert found == before, f"row {key} was rejected and changed: {found} instead of {before}"
            return "refused"
        assert found is not None, f"row {key} is missing and has no reject"
        expected = self._expected(key, ledger, found)
        was_same = before is not None and all(before[name] == expected[name] for name in _STATE)
        if before is not None and was_same:
            assert found == before, f"row {key} was unchanged and written: {found} instead of {before}"
            expected["imported_at"] = before["imported_at"]
        wrong = _differences(expected, found)
        unrecorded = {name: values for name, values in wrong.items() if not _says(repairs.get(name), *values)}
        assert not unrecorded, f"row {key} has neither its values nor a reject: {unrecorded}"
        assert repairs.keys() == wrong.keys(), f"row {key} has repairs of values that are right: {repairs}"
        return "unchanged" if was_same else "inserted" if before is None else "updated"

    def _other_row(self, key: Key, found: Stored | None, ledger: Ledger) -> bool:
        before = self._before.table.get(key)
        assert before is not None, f"row {key} was not sent: {found}"
        mine = before["record_type"] == self._name and before["deleted_at"] is None
        gone = mine and key[0] in self._batch.range and self._batch.may_reconcile
        expected = before | ({"deleted_at": _moment_of(ledger, found, "deleted_at")} if gone else {})
        assert found == expected, f"row {key} was not sent: {found} instead of {expected}"
        return gone

    def _expected(self, key: Key, ledger: Ledger, found: Stored) -> Stored:
        row = self._sent[key]
        imported = dict(zip(columns_of(self._batch.record_type), row.values, strict=True))
        own = {"record_type": self._name, "row_hash": row.hash}
        return {**imported, **own, "imported_at": _moment_of(ledger, found, "imported_at"), "deleted_at": None}

    def _reject_of(self, key: Key) -> tuple[str, str]:
        return self._name, ":".join(map(str, key))

    def _ledger(self, ledger: Ledger, counts: Mapping[str, int]) -> None:
        batch = self._batch
        rejected = batch.fetched - len(self._sent) + counts["refused"]
        expected = {name: counts[name] for name in ("inserted", "updated", "unchanged", "deleted")}
        expected |= {"rejected": rejected, "fetched": batch.fetched, "expected": batch.expected}
        assert {name: getattr(ledger, name) for name in expected} == expected


def _moment_of(ledger: Ledger, found: Stored | None, name: str) -> Any:
    """The moment that is found, if the batch was being written then."""
    moment = found and found[name]
    return moment if moment and while_loading(ledger, moment) else ledger.committed_at


def _differences(expected: Stored, found: Stored) -> dict[str, tuple[Any, Any]]:
    """Column -> what was expected and what was found; columns of other types are NULL."""
    wanted = {name: expected.get(name) for name in found}
    return {name: (wanted[name], found[name]) for name in found if not same(wanted[name], found[name])}
