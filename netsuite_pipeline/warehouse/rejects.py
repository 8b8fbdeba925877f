"""Writing `import_rejects`: rows that were not loaded, each with its reason and payload, until they are.

Why a row is rejected is decided in `transform` or by the database (`warehouse.upsert`). Listing and exporting rejects,
and forgetting them, is `quarantine`'s business.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.rejection import Rejection
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.keys import slices
from netsuite_pipeline.warehouse.tables import REJECTS, import_tables

# Longer payloads are kept with their long values shortened. A statement has to fit max_allowed_packet, of which some
# servers have 1 MiB; escaping doubles a text at most.
_PAYLOAD_BYTES = 256 * 1024
_VALUE_SHOWN = (1000, 100, 10)
_DETAIL_CHARACTERS = 4000
_FIELD_CHARACTERS = 255
_INT32 = range(-(2**31), 2**31)
# What stands for the key of a row that has none begins with it.
_DIGEST = "sha256:"


@dataclass(frozen=True, kw_only=True)
class RejectContext:
    """Where and when rows were rejected. `now` is naive UTC; `examined` are the ids of which everything was read, None
    for all of the range.
    """

    record_type: str
    range: BatchRange
    job_id: str | None
    run_id: str | None
    now: dt.datetime
    examined: Set[int] | None = None


def store_rejects(
    connection: sa.Connection, metadata: sa.MetaData, rejections: Iterable[Rejection], context: RejectContext
) -> None:
    """Makes the open rejects of a batch exactly the given ones, in the caller's transaction.

    A row that was rejected before keeps its first_seen and counts one more attempt, and it stays with the import that
    rejected it when what rejects it again belongs to none; a reject of the range that did not come again is resolved,
    if its row was examined.
    """
    rows = {row["row_key"]: row for row in (_reject_row(rejection, context) for rejection in rejections)}
    table = metadata.tables[REJECTS]
    if rows:
        connection.execute(_upsert(connection, table), list(rows.values()))
    _resolve_others(connection, table, set(rows), context)


def rejected_rows(engine: sa.Engine, job_id: str) -> Mapping[str, int]:
    """How many rows an import rejected that nothing has loaded since, by record type."""
    table = import_tables(sa.MetaData()).tables[REJECTS]
    query = (
        sa.select(table.c.record_type, sa.func.count())
        .where(table.c.job_id == job_id, table.c.resolved_at.is_(None))
        .group_by(table.c.record_type)
    )
    with read_connection(engine) as connection:
        return {name: int(rows) for name, rows in connection.execute(query)}


def _resolve_others(connection: sa.Connection, table: sa.Table, came: set[str], context: RejectContext) -> None:
    # An index range over open rejects: it reads nothing when there are none.
    query = sa.select(table.c.row_key).where(
        table.c.record_type == context.record_type,
        table.c.resolved_at.is_(None),
        table.c.key_first.between(context.range.first, context.range.last),
    )
    keys = set(connection.execute(query).scalars()) - came
    resolved = sorted(key for key in keys if _is_examined(key, context.examined))
    for some in slices(resolved):
        connection.execute(
            table.update()
            .where(table.c.record_type == context.record_type, table.c.row_key.in_(some))
            .values(resolved_at=context.now)
        )


def _is_examined(row_key: str, examined: Set[int] | None) -> bool:
    if examined is None:
        return True
    # Of a row without a key nobody knows whether it came again.
    return not row_key.startswith(_DIGEST) and int(row_key.split(":")[0]) in examined


def _upsert(connection: sa.Connection, table: sa.Table) -> sa.Insert:
    # A literal, because pymysql sends rows in bulk only without a parameter behind VALUES.
    attempts = {"attempts": table.c.attempts + sa.literal_column("1")}
    kept = {"id", "record_type", "row_key", "first_seen", "attempts", "job_id"}
    replaced = [column.name for column in table.c if column.name not in kept]
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(table)
        return statement.on_conflict_do_update(
            index_elements=["record_type", "row_key"],
            set_={name: statement.excluded[name] for name in replaced} | attempts | _job(table, statement.excluded),
        )
    insert = mysql.insert(table)
    return insert.on_duplicate_key_update(
        {name: insert.inserted[name] for name in replaced} | attempts | _job(table, insert.inserted)
    )


def _job(table: sa.Table, came: sa.ColumnCollection[str, sa.ColumnElement[Any]]) -> dict[str, sa.ColumnElement[Any]]:
    # A replay has no job; without one, the row would count as loaded by the import that rejected it.
    return {"job_id": sa.func.coalesce(came["job_id"], table.c.job_id)}


def _reject_row(rejection: Rejection, context: RejectContext) -> dict[str, Any]:
    payload = payload_json(rejection.payload)
    key = rejection.key
    code = rejection.error_code
    return {
        "record_type": context.record_type,
        "row_key": ":".join(map(str, key)) if key else f"{_DIGEST}{sha256(payload.encode()).hexdigest()}",
        "key_first": key[0] if key and key[0] in context.range else context.range.first,
        "batch_first": context.range.first,
        "batch_last": context.range.last,
        "reason": str(rejection.reason),
        "field": _encodable(rejection.field)[:_FIELD_CHARACTERS] if rejection.field else None,
        "detail": _encodable(rejection.detail)[:_DETAIL_CHARACTERS],
        # A range looks for anything but an int by walking all of it.
        "error_code": code if isinstance(code, int) and code in _INT32 else None,
        "payload": payload,
        "job_id": context.job_id,
        "run_id": context.run_id,
        "first_seen": context.now,
        "last_seen": context.now,
        "attempts": 1,
        "resolved_at": None,
    }


def payload_json(payload: Mapping[str, Any]) -> str:
    """The payload as JSON. What JSON lacks becomes text; beyond 256 KiB long values are cut."""
    text = _dumped(payload)
    for shown in _VALUE_SHOWN:
        if len(text.encode()) <= _PAYLOAD_BYTES:
            break
        text = _dumped({_shortened(name, shown): _shortened(value, shown) for name, value in payload.items()})
    return text


def _dumped(payload: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(
            payload, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        ).decode()
    except orjson.JSONEncodeError:
        # orjson refuses half surrogate pairs and integers over 64 bits; both can be why a row is rejected.
        return json.dumps(payload, default=str, sort_keys=True)


def _shortened(value: Any, shown: int) -> Any:
    text = value if isinstance(value, str) else str(value)
    return value if len(text) <= shown else f"{text[:shown]}… ({len(text)} characters)"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
