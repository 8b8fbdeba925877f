"""One difference between what is declared and what is in the database, and who can settle it."""

from dataclasses import dataclass
from enum import StrEnum

from alembic.operations.ops import MigrateOperation

from netsuite_pipeline.warehouse.migration.changes_table import ADDED_COLUMN


class Action(StrEnum):
    """What a step does; the name under which it is recorded."""

    CREATE_TABLE = "create_table"
    ADD_COLUMN = ADDED_COLUMN
    CREATE_INDEX = "create_index"
    WIDEN_COLUMN = "widen_column"
    # Never done here: a person has to.
    DECIDE = "decide"
    # Nothing to do.
    LEAVE = "leave"


class Verdict(StrEnum):
    """Who can settle a difference; one that is WIDER is none to imports and upgrades."""

    SAFE = "safe"
    WIDENS = "safe with --widen"
    WIDER = "wider than declared, nothing to do"
    PERSON = "needs a person"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`item` is the column, index or constraint; empty when it is about the whole table.

    `reason` says why a person is needed and what there is to do. `columns` are those of a table to create.
    """

    table: str
    item: str = ""
    declared: str
    found: str
    verdict: Verdict
    action: Action
    operations: tuple[MigrateOperation, ...]
    reason: str = ""
    columns: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What differs."""
        return f"{self.table}.{self.item}" if self.item else self.table

    @property
    def title(self) -> str:
        """The step as people read it."""
        match self.action:
            case Action.CREATE_TABLE:
                return f"create table {self.table}"
            case Action.ADD_COLUMN:
                return f"add column {self.table}.{self.item} {self.declared}"
            case Action.CREATE_INDEX:
                return f"create index {self.item} on {self.table}"
            case Action.WIDEN_COLUMN:
                return f"widen column {self.table}.{self.item} from {self.found} to {self.declared}"
            case _:
                return f"{self.name}: {self.found}, declared {self.declared}"
