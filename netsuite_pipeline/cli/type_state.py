"""What the warehouse knows of record types, for people. Reading only: no table is made, no file created."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.cli.warehouse import existing_warehouse
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.adoption import adoption_of
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.ledger import of_whole_batches
from netsuite_pipeline.warehouse.missing_columns import MissingColumn, account_of, missing_columns
from netsuite_pipeline.warehouse.tables import LEDGER, MISSING_COLUMNS, import_tables, target_metadata
from netsuite_pipeline.warehouse.targets import target_of
from netsuite_pipeline.waves.model import TypeStatus
from netsuite_pipeline.waves.tables import import_job_types, import_jobs

_SAMPLE = 1000


@dataclass(frozen=True, kw_only=True)
class Availability:
    """How the record type fared when an import last planned it; `planned_at` is naive UTC."""

    available: bool
    reason: str | None
    planned_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Rows and batches of a record type, and what its rows are like: `sampled` of them were looked at."""

    rows: int
    batches: int
    sampled: int
    row_bytes: int
    empty_columns: tuple[str, ...]


class TypeStates:
    """What is known of each record type."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._tables = set(sa.inspect(engine).get_table_names())

    def availability(self, record_type: RecordType) -> Availability | None:
        """None if no import has planned the type yet."""
        if import_job_types.name not in self._tables:
            return None
        kinds, jobs = import_job_types, import_jobs
        query = (
            sa.select(kinds.c.status, kinds.c.reason, jobs.c.created_at)
            .join(jobs, jobs.c.job_id == kinds.c.job_id)
            .where(kinds.c.record_type == record_type.name)
            .order_by(jobs.c.created_at.desc())
            .limit(1)
        )
        rows = self._rows(query)
        if not rows:
            return None
        status, reason, planned_at = rows[0]
        return Availability(available=status != TypeStatus.UNAVAILABLE, reason=reason, planned_at=planned_at)

    def missing(self, record_type: RecordType) -> Sequence[MissingColumn]:
        """The columns that the account lacks, as far as runs have found out, of those that are still declared."""
        # A misspelt name that was corrected stays noted until a run asks again.
        declared = {(field.name, field.source) for field in record_type.fields}
        known = self._missing.get(record_type.name, ())
        return [missing for missing in known if (missing.column, missing.source) in declared]

    @cached_property
    def _missing(self) -> Mapping[str, Sequence[MissingColumn]]:
        known = self._settings.netsuite_account_id or self._settings.netsuite_base_url
        if known is None or MISSING_COLUMNS not in self._tables:
            return {}
        return missing_columns(self._engine, account_of(self._settings))

    def stored(self, record_type: RecordType) -> Stored:
        """Counted and measured on the rows that are in the table."""
        if record_type.table not in self._tables:
            return Stored(rows=0, batches=0, sampled=0, row_bytes=0, empty_columns=())
        target = target_of(target_metadata([record_type]), record_type)
        mine = target.live(record_type.name)
        rows = self._rows(sa.select(sa.func.count()).select_from(target.rows).where(*mine))[0][0]
        names = [field.name for field in (*record_type.key, *record_type.value_fields)]
        with read_connection(self._engine) as connection:
            if target.adopted:
                has = adoption_of(sa.inspect(connection), target.table).columns
                names = [name for name in names if name in has]
            columns = (target.table.c[name] for name in names)
            query = sa.select(*columns).select_from(target.rows).where(*mine).limit(_SAMPLE)
            sample = connection.execute(query).mappings().all()
        size = sum(_bytes(value) for row in sample for value in row.values())
        return Stored(
            rows=rows,
            batches=self._batches(record_type),
            sampled=len(sample),
            row_bytes=round(size / len(sample)) if sample else 0,
            empty_columns=tuple(name for name in names if sample and all(row[name] is None for row in sample)),
        )

    def _batches(self, record_type: RecordType) -> int:
        if LEDGER not in self._tables:
            return 0
        ledger = import_tables(sa.MetaData()).tables[LEDGER]
        # A batch that was lengthened keeps its first id.
        first = sa.func.count(sa.distinct(ledger.c.batch_first))
        mine = (ledger.c.record_type == record_type.name, of_whole_batches(ledger))
        return int(self._rows(sa.select(first).where(*mine))[0][0])

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with read_connection(self._engine) as connection:
            return connection.execute(query).all()


@contextmanager
def type_states(settings: Settings) -> Iterator[TypeStates | None]:
    """What the warehouse of WAREHOUSE_URL knows; None for an SQLite file that is not there yet."""
    with existing_warehouse(settings) as engine:
        yield None if engine is None else TypeStates(engine, settings)


def missing_counts(engine: sa.Engine, settings: Settings, catalog: Catalog) -> Mapping[str, int]:
    """How many columns the account lacks, by record type; those that lack none are not in it."""
    states = TypeStates(engine, settings)
    counts = {record_type.name: len(states.missing(record_type)) for record_type in catalog}
    return {name: count for name, count in counts.items() if count}


def plain(missing: Sequence[MissingColumn]) -> Sequence[Mapping[str, str]]:
    """For JSON."""
    return [{"column": one.column, "source": one.source, "reason": one.reason} for one in missing]


def _bytes(value: Any) -> int:
    return 0 if value is None else len(str(value).encode())
