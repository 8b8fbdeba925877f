"""Where a record type's rows are: its table, and the columns that imports keep beside them.

A table that we make has both. One that people had before (`ADOPT_TABLES`) stays as it is, and `<table>_import_state`
holds the rest. Definitions of both are in `tables`; that an adopted table can be written is checked in `adoption`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.tables import state_table_name


@dataclass(frozen=True, kw_only=True)
class Target:
    """The table of the records, and the one with record_type, row_hash, imported_at and deleted_at: mostly the same."""

    table: sa.Table
    state: sa.Table

    @property
    def adopted(self) -> bool:
        """Whether the table is someone else's."""
        return self.state is not self.table

    @property
    def keys(self) -> Sequence[sa.Column[Any]]:
        """The natural key in the table of the records."""
        return list(self.table.primary_key)

    @property
    def rows(self) -> sa.FromClause:
        """All rows of the table with what is known of each; nothing is of those that no import has written."""
        if not self.adopted:
            return self.table
        pairs = zip(self.table.primary_key, self.state.primary_key, strict=True)
        return self.table.outerjoin(self.state, sa.and_(*(left == right for left, right in pairs)))

    def live(self, record_type: str) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions on `rows` for those of the record type that are not flagged as deleted."""
        return (self.state.c.record_type == record_type, self.state.c.deleted_at.is_(None))


def target_of(metadata: sa.MetaData, record_type: RecordType) -> Target:
    """The target of a record type in the metadata of `tables.target_metadata`."""
    table = metadata.tables[record_type.table]
    state = metadata.tables[state_table_name(record_type.table)] if record_type.adopted else table
    return Target(table=table, state=state)
