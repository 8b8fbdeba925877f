"""What a way of loading rows is to the benchmark: it creates its table, prepares its input, and is timed loading it.

The scenarios are here too. The techniques themselves are in `ours`, `rivals`, `load_data` and `dlt_merge`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa

from benchmarks.content import Content, stored
from benchmarks.database import Database
from benchmarks.tables import Batch, Table
from netsuite_pipeline.warehouse.tables import target_metadata


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is loaded: the rows' version, and how many of a thousand the table cannot take.

    `after` names the scenario that has to come before on the same table; without one the table is empty.
    """

    name: str
    title: str
    version: int = 0
    bad: int = 0
    after: str | None = None


FIRST = Scenario(name="first", title="first load")
CHANGED = Scenario(name="changed", title="all rows changed", version=1, after="first")
UNCHANGED = Scenario(name="unchanged", title="unchanged", version=1, after="changed")
BAD = Scenario(name="bad", title="1 % bad rows", bad=10)
ONE_BAD = Scenario(name="one_bad", title="1 bad row in 1,000", bad=1)
MANY_BAD = Scenario(name="many_bad", title="100 bad rows in 1,000", bad=100)
SCENARIOS = (FIRST, CHANGED, UNCHANGED, BAD, ONE_BAD, MANY_BAD)
COMMON = frozenset({FIRST, CHANGED, UNCHANGED, BAD})


class Technique(ABC):
    """One way to load rows, on a database of its own.

    `share` is the part of the rows that it gets: of the slow ones a few batches say as much as all.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    scenarios: ClassVar[frozenset[Scenario]] = COMMON
    share: ClassVar[float] = 1.0

    def __init__(self, database: Database, table: Table) -> None:
        self.database = database
        self.table = table
        self.schema = f"bench_{self.name}"
        self._engine: sa.Engine | None = None

    @property
    def engine(self) -> sa.Engine:
        """The engine on the technique's database, after `create`."""
        if self._engine is None:
            raise RuntimeError(f"{self.title}: the table has to be created before rows can be loaded.")
        return self._engine

    def create(self) -> None:
        """Makes the database anew, with the empty table."""
        self.close()
        self.database.create(self.schema)
        self._engine = self.database.engine(self.schema)
        self.create_table()

    def create_table(self) -> None:
        """Creates the table: what the rows are, without the product's bookkeeping columns."""
        plain_table(self.table).create(self.engine)

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> Any:  # noqa: ARG002 - some need it
        """The rows in the form that suits the technique; not timed."""
        return batches

    @abstractmethod
    def load(self, prepared: Any) -> int:
        """Loads what was prepared, a transaction per batch where it can, and returns the batches that were refused."""

    def content(self) -> Content:
        """What the table holds now."""
        with self.engine.connect() as connection:
            return stored(connection, self.table, self.table.record_type.table)

    def quarantined(self) -> int | None:
        """How many bad rows the technique has recorded somewhere; None where it records none."""
        return None

    def close(self) -> None:
        """Gives connections back and drops the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
            self.database.drop(self.schema)


def plain_table(table: Table) -> sa.Table:
    """The imported columns with the product's types, under the same name."""
    source = target_metadata([table.record_type]).tables[table.record_type.table]
    columns = (sa.Column(name, _plain(source.c[name].type), primary_key=name == "refid") for name in table.names)
    return sa.Table(source.name, sa.MetaData(), *columns, **source.dialect_kwargs)


def _plain(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    # A decorated type costs a call per value, which is ours and not SQLAlchemy's.
    return kind.impl_instance if isinstance(kind, sa.types.TypeDecorator) else kind
