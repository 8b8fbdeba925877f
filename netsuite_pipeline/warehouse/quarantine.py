"""Reading the quarantine `import_rejects`: groups, rows, one row, all of them page by page; and forgetting rows of it.

What is kept of a rejected row, and when a reject is resolved, is decided in `rejects`, which writes the table. Which
ranges a replay reads is in `replay_ranges`. Every function raises WarehouseError when the database refuses.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.tables import REJECTS, import_tables

# A payload has up to a million characters, a few thousand as a rule.
_PAGE_WITH_PAYLOADS = 200
_PAGE = 2000
# What one transaction deletes, so that an import never waits long for it.
_FORGOTTEN_AT_ONCE = 1000
# Enough of a detail to recognise it.
_EXAMPLE_CHARACTERS = 300

_TABLE = import_tables(sa.MetaData()).tables[REJECTS]
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class RejectFilter:
    """Which rejects are meant: the open ones, or the `resolved` ones; None and () leave all of those in."""

    types: tuple[str, ...] = ()
    reason: str | None = None
    field: str | None = None
    job: str | None = None
    resolved: bool = False

    @property
    def restricts(self) -> bool:
        """Whether it names anything that a reject has to have."""
        return bool(self.types or self.reason or self.field or self.job)


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A row of `import_rejects`, by the names of its columns. `payload` is JSON; times are naive UTC."""

    id: int
    record_type: str
    row_key: str
    key_first: int
    batch_first: int
    batch_last: int
    reason: str
    field: str | None
    detail: str
    error_code: int | None
    payload: str
    job_id: str | None
    run_id: str | None
    first_seen: dt.datetime
    last_seen: dt.datetime
    attempts: int
    resolved_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class RejectGroup:
    """Rejects that are alike: how many, since when, and the key and the detail of the one that was added last."""

    record_type: str
    reason: str
    field: str | None
    error_code: int | None
    count: int
    first_seen: dt.datetime
    last_seen: dt.datetime
    example_key: str
    example: str


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[Item]):
    """The first `items` of the `total` that there are."""

    items: tuple[Item, ...]
    total: int


def has_rejects_table(engine: sa.Engine) -> bool:
    """Whether an import has ever made its tables here."""
    with reading(engine) as connection:
        return sa.inspect(connection).has_table(REJECTS)


def reject_groups(engine: sa.Engine, chosen: RejectFilter, *, limit: int) -> Listing[RejectGroup]:
    """The rejects by record type, reason, field and code: the largest groups first, of equal ones the newest."""
    alike = (_TABLE.c.record_type, _TABLE.c.reason, _TABLE.c.field, _TABLE.c.error_code)
    count, last_seen = sa.func.count().label("count"), sa.func.max(_TABLE.c.last_seen).label("last_seen")
    first_seen, newest = sa.func.min(_TABLE.c.first_seen).label("first_seen"), sa.func.max(_TABLE.c.id).label("newest")
    with reading(engine) as connection:
        query = sa.select(*alike, count, first_seen, last_seen, newest).where(*_conditions(connection, chosen))
        ordered = query.group_by(*alike).order_by(count.desc(), last_seen.desc(), *alike)
        found = [dict(row) for row in connection.execute(ordered).mappings()]
        shown = found[:limit]
        examples = _examples(connection, [group["newest"] for group in shown])
    groups = []
    for group in shown:
        key, detail = examples.get(group.pop("newest"), ("", ""))
        groups.append(RejectGroup(**group, example_key=key, example=detail))
    return Listing(items=tuple(groups), total=len(found))


def reject_rows(engine: sa.Engine, chosen: RejectFilter, *, limit: int) -> Listing[Reject]:
    """Single rejects, those that were seen last first."""
    newest = (_TABLE.c.last_seen.desc(), _TABLE.c.id.desc())
    with reading(engine) as connection:
        conditions = _conditions(connection, chosen)
        total = connection.execute(sa.select(sa.func.count()).where(*conditions)).scalar_one()
        # The ids first: otherwise the database sorts all the payloads to throw most of them away.
        ids = connection.execute(sa.select(_TABLE.c.id).where(*conditions).order_by(*newest).limit(limit)).scalars()
        rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.id.in_(ids.all())).order_by(*newest)).mappings()
        return Listing(items=tuple(Reject(**row) for row in rows), total=total)


def find_rejects(engine: sa.Engine, record_type: str, key: str) -> list[Reject]:
    """The reject of a row, open or resolved; several only where `key` is the beginning of `sha256:…`, ten at most."""
    matches = _TABLE.c.row_key == key
    if key.startswith("sha256:"):
        matches = _TABLE.c.row_key.startswith(key, autoescape=True)
    query = sa.select(_TABLE).where(_TABLE.c.record_type == record_type, matches).order_by(_TABLE.c.row_key).limit(10)
    with reading(engine) as connection:
        return [Reject(**row) for row in connection.execute(query).mappings()]


def every_reject(engine: sa.Engine, chosen: RejectFilter) -> Iterator[Reject]:
    """All of them by record type and id, read in pages: memory does not grow with their number."""
    names = tuple(field.name for field in fields(Reject))
    for page in reject_pages(engine, chosen, names, size=_PAGE_WITH_PAYLOADS):
        yield from (Reject(**row) for row in page)


def reject_pages(
    engine: sa.Engine, chosen: RejectFilter, names: Sequence[str], *, size: int = _PAGE
) -> Iterator[list[Mapping[str, Any]]]:
    """These columns of all of them, `size` at a time, by record type and, if they are open, by `key_first`.

    Each page is a query of its own that goes on behind the last one in the index, so that nothing is held open while
    the caller takes its time.
    """
    # What `import_rejects_open` is ordered by, within a record type.
    order = [_TABLE.c.key_first, _TABLE.c.id]
    if chosen.resolved:
        order.insert(0, _TABLE.c.resolved_at)
    columns = [_TABLE.c[name] for name in dict.fromkeys([*names, *(column.name for column in order)])]
    with reading(engine) as connection:
        types = _known_types(connection, chosen)
    for record_type in types:
        behind: sa.ColumnElement[bool] = sa.true()
        while True:
            with reading(engine) as connection:
                query = sa.select(*columns).where(*_restrictions(chosen), _TABLE.c.record_type == record_type, behind)
                page = connection.execute(query.order_by(*order).limit(size)).mappings().all()
            if page:
                yield [{name: row[name] for name in names} for row in page]
            if len(page) < size:
                break
            behind = _behind([(column, page[-1][column.name]) for column in order])


def open_reasons(engine: sa.Engine, chosen: RejectFilter, within: BatchRange) -> dict[int, tuple[str, str]]:
    """The key and the reason of each chosen reject of one range of ids, by the reject's own id."""
    query = sa.select(_TABLE.c.id, _TABLE.c.row_key, _TABLE.c.reason).where(
        *_restrictions(chosen),
        _TABLE.c.record_type.in_(chosen.types),
        _TABLE.c.key_first.between(within.first, within.last),
    )
    with reading(engine) as connection:
        return {found: (key, reason) for found, key, reason in connection.execute(query)}


def forget_rejects(engine: sa.Engine, chosen: RejectFilter) -> int:
    """Deletes them, a thousand to a transaction, and returns how many there were.

    One that an import opens or resolves meanwhile is not what was meant any more, and stays.
    """
    forgotten = 0
    for page in reject_pages(engine, chosen, ["id"], size=_FORGOTTEN_AT_ONCE):
        ids = [row["id"] for row in page]
        try:
            with engine.begin() as connection:
                delete = _TABLE.delete().where(_TABLE.c.id.in_(ids), *_restrictions(chosen))
                forgotten += connection.execute(delete).rowcount
        except DBAPIError as error:
            raise warehouse_error(error, doing=f"Forgetting rejects ({forgotten:,} are forgotten)") from None
    return forgotten


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that only reads; what the database says against it is a WarehouseError."""
    try:
        with read_connection(engine) as connection:
            yield connection
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Reading {REJECTS}") from None


def _conditions(connection: sa.Connection, chosen: RejectFilter) -> list[sa.ColumnElement[bool]]:
    # Record types by name, all of them if none is named: the index of open rejects begins with them.
    return [_TABLE.c.record_type.in_(_known_types(connection, chosen)), *_restrictions(chosen)]


def _known_types(connection: sa.Connection, chosen: RejectFilter) -> list[str]:
    known = connection.execute(sa.select(_TABLE.c.record_type).distinct().order_by(_TABLE.c.record_type)).scalars()
    return [name for name in known if not chosen.types or name in chosen.types]


def _restrictions(chosen: RejectFilter) -> list[sa.ColumnElement[bool]]:
    wanted = {_TABLE.c.reason: chosen.reason, _TABLE.c.field: chosen.field, _TABLE.c.job_id: chosen.job}
    state = _TABLE.c.resolved_at.is_not(None) if chosen.resolved else _TABLE.c.resolved_at.is_(None)
    return [state, *(column == value for column, value in wanted.items() if value is not None)]


def _behind(position: Sequence[tuple[sa.Column[Any], Any]]) -> sa.ColumnElement[bool]:
    # Not `(a, b) > (x, y)`, for which MySQL would walk the index from its beginning.
    (column, value), *others = position
    return sa.and_(column >= value, sa.or_(column > value, _behind(others))) if others else column > value


def _examples(connection: sa.Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    detail = sa.func.substr(_TABLE.c.detail, 1, _EXAMPLE_CHARACTERS)
    query = sa.select(_TABLE.c.id, _TABLE.c.row_key, detail).where(_TABLE.c.id.in_(ids))
    return {found: (key, said) for found, key, said in connection.execute(query)}
