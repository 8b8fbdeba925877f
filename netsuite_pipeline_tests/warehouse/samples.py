"""Record types, rows and batches for the warehouse tests, and what the tables hold afterwards."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import (
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    reference,
    text,
)
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.transform.rejection import Rejection, RejectReason
from netsuite_pipeline.transform.rows import columns_of, hash_values
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.statements import CHUNK_ROWS
from netsuite_pipeline.warehouse.tables import BOOKKEEPING, import_tables, target_metadata

# Later than every commit of these tests: nobody imported the batch after it was read.
READ_LAST = dt.datetime(9999, 1, 1)  # noqa: DTZ001 - naive UTC
# One column of every kind; the names need quoting.
WIDGET = RecordType(
    name="widget",
    id=-9001,
    table="widgets",
    source=Source(table="widget"),
    fields=(
        text("name", 200),
        text("group", None),
        integer("order"),
        reference("class"),
        decimal("amount"),
        flag("isinactive"),
        date("startdate"),
        moment("lastmodifieddate"),
    ),
)
INVENTORY_ITEM, ITEM, LINE = (CATALOG.get(name) for name in ("inventory_item", "item", "transaction_line"))
SAMPLES = (WIDGET, INVENTORY_ITEM, ITEM, LINE)

MORE_THAN_A_CHUNK = CHUNK_ROWS + 37

HOSTILE = [
    "",
    " ",
    "trailing blank ",
    "it's",
    '"quoted"',
    "back\\slash",
    "ends with \\",
    "\\'",
    "'; DROP TABLE widgets; --",
    "nul \x00 inside",
    "\x1a control Z",
    "line\nfeed\r\ntab\t",
    "100 % of %s and %(name)s and %%",
    ":name ? $1 {0}",
    "/* comment */ -- # ",
    "NULL",
    "\\N",
    "日本語 العربية",
    "😀👩‍👩‍👧",
    "e\u0301 is not é",
    "\u2028\u200b\ufeff",
    "\x7f\x80\x9f",
    "`backtick`",
    "<p onclick=\"x('&amp;')\">&nbsp;</p>",
    "\u202eright to left\u202c",
    '{"json": [null]}',
    "x" * 200,
    "😀" * 200,
]


def row(record_type: RecordType, *key: int, **values: Any) -> Row:
    """A row with the given values; the others are NULL."""
    names = columns_of(record_type)
    unknown = values.keys() - set(names)
    assert not unknown, f"{record_type.name} has no column {unknown}"
    head = (*key, ":".join(map(str, key)))
    typed = (*head, *(values.get(name) for name in names[len(head) :]))
    return Row(key, typed, hash_values(typed))


def widgets(ids: Iterable[int], **values: Any) -> list[Row]:
    return [row(WIDGET, number, **{"name": f"widget {number}", **values}) for number in ids]


def rejection(key: tuple[int, ...] | None, **payload: Any) -> Rejection:
    return Rejection(
        reason=RejectReason.INVALID_NUMBER if key else RejectReason.MISSING_KEY,
        detail="not usable",
        field="amount",
        payload=payload,
        key=key,
    )


def batch_of(
    rows: Sequence[Row],
    *,
    first: int = 1,
    last: int = 1000,
    record_type: RecordType = WIDGET,
    rejections: Sequence[Rejection] = (),
    expected: int | None = None,
    read_at: dt.datetime = READ_LAST,
) -> TransformedBatch:
    """A batch of which NetSuite counted what it sent, unless `expected` says otherwise."""
    fetched = len(rows) + len(rejections)
    return TransformedBatch(
        record_type=record_type,
        range=BatchRange(first, last),
        expected=fetched if expected is None else expected,
        fetched=fetched,
        rows=list(rows),
        read_at=read_at,
        rejections=list(rejections),
    )


def while_loading(ledger: Ledger, moment: dt.datetime) -> bool:
    """Whether the moment is one at which the batch was being written."""
    begun = ledger.committed_at - dt.timedelta(seconds=ledger.database_seconds, milliseconds=1)
    return begun <= moment <= ledger.committed_at


class Importer:
    """Loads every batch twice and holds the second load to its promise: it writes nothing."""

    def __init__(self, engine: sa.Engine, metadata: sa.MetaData, loader: BatchLoader) -> None:
        self.engine = engine
        self.metadata = metadata
        self.loader = loader

    def load(self, batch: TransformedBatch) -> Ledger:
        """The ledger of the first load."""
        first = self.loader.load(batch, job_id="job", run_id="run")
        before, sent = self.everything(batch.record_type.table), self.server_writes()
        second = self.loader.load(batch, job_id="job", run_id="run")
        assert second.written == 0
        assert second.unchanged == first.inserted + first.updated + first.unchanged
        assert self.everything(batch.record_type.table) == before
        if sent is not None and not first.rejected:
            # The server's own counters: the inserts of the ledger, of the turn to commit, and of a watermark.
            inserts = 2 if batch.watermark is None else 3
            assert self.server_writes() == (sent[0] + inserts, sent[1])
        return first

    def everything(self, table: str) -> list[tuple[Any, ...]]:
        """All columns of all rows, imported_at included, by key."""
        target = self.metadata.tables[table]
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(target).order_by(*target.primary_key)).all()
        return [tuple(entry) for entry in found]

    def imported(self, record_type: RecordType = WIDGET) -> dict[tuple[int, ...], tuple[Any, ...]]:
        """Key -> imported values of the live rows of a record type."""
        target = self.metadata.tables[record_type.table]
        names = columns_of(record_type)
        query = sa.select(*(target.c[name] for name in names)).where(
            target.c.record_type == record_type.name, target.c.deleted_at.is_(None)
        )
        with self.engine.connect() as connection:
            found = connection.execute(query).all()
        return {tuple(entry[: len(record_type.key)]): tuple(entry) for entry in found}

    def rows_of(self, table: str) -> list[dict[str, Any]]:
        """The rows of a bookkeeping table, oldest first."""
        target = self.metadata.tables[table]
        with self.engine.connect() as connection:
            return [dict(entry) for entry in connection.execute(sa.select(target).order_by(target.c.id)).mappings()]

    def bookkeeping(self, table: str, *key: int) -> dict[str, Any]:
        """record_type, row_hash, imported_at and deleted_at of one row."""
        target = self.metadata.tables[table]
        matches = (column == value for column, value in zip(target.primary_key, key, strict=True))
        with self.engine.connect() as connection:
            query = sa.select(*(target.c[name] for name in BOOKKEEPING)).where(*matches)
            return dict(connection.execute(query).mappings().one())

    def server_writes(self) -> tuple[int, int] | None:
        """The server's count of INSERT and UPDATE statements; None on SQLite, which has no server."""
        if self.engine.dialect.name == "sqlite":
            return None
        with self.engine.connect() as connection:
            names = "('Com_insert', 'Com_update')"
            query = f"SHOW GLOBAL STATUS WHERE Variable_name IN {names}"
            found = dict(connection.exec_driver_sql(query).tuples().all())
        return int(found["Com_insert"]), int(found["Com_update"])

    def run(self, sql: str) -> None:
        """Changes the database behind the loader's back."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(sql)

    def quoted(self, name: str) -> str:
        return str(self.engine.dialect.identifier_preparer.quote_identifier(name))

    def refuse(self, condition: str) -> None:
        """Makes `widgets` refuse rows for which the condition on `new` holds."""
        if self.engine.dialect.name == "sqlite":
            for event in ("INSERT", "UPDATE"):
                self.run(
                    f"CREATE TRIGGER refuse_{event} BEFORE {event} ON widgets WHEN {condition}"
                    " BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
        else:
            self.run(f"ALTER TABLE widgets ADD CONSTRAINT refuse CHECK (NOT ({condition.replace('new.', '')}))")


def build_importer(url: str, record_types: Iterable[RecordType] = SAMPLES) -> Importer:
    """An importer on a database with the tables of the record types, whose loader never waits."""
    engine = connect(url)
    metadata = import_tables(target_metadata(record_types))
    # Half the work of `ensure_tables`, which looks at each table before and after; hundreds of tests begin here.
    metadata.create_all(engine, checkfirst=False)
    loader = BatchLoader(engine, metadata, delete_guard_percent=50, reject_guard_percent=50, sleep=lambda seconds: None)
    return Importer(engine, metadata, loader)
