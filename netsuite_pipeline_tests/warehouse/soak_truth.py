"""A source whose records move on with the clock, and the worker process that keeps importing ranges of it.

What a record holds follows from its id and the tick alone, so every process knows the same truth without asking.
Who starts and kills workers, and what must hold afterwards, is in `soak`.
"""

import datetime as dt
import logging
import random
import time
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import StaleRead, WarehouseError
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata, utc_now
from netsuite_pipeline_tests.warehouse.samples import WIDGET, batch_of, row

IDS = range(1, 301)
RANGES = [BatchRange(first, first + 49) for first in range(IDS.start, IDS.stop, 50)]
COLUMNS = columns_of(WIDGET)
TICK_SECONDS = 0.2
_READING_SECONDS = 0.1
_FIRST_DAY = dt.date(2000, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The records at every tick since `epoch` (naive UTC)."""

    epoch: dt.datetime
    seed: int

    def tick(self, moment: dt.datetime) -> int:
        """The tick of a moment."""
        return int((moment - self.epoch).total_seconds() / TICK_SECONDS)

    def version(self, number: int, tick: int) -> int:
        """How often the record has changed until the tick, or for every other record which of two states it is in."""
        period, offset, versions = _rhythm(self.seed, number)
        return (tick + offset) // period % versions

    def exists(self, number: int, tick: int) -> bool:
        """Whether there is the record."""
        return (self.version(number, tick) + number) % 4 != 0

    def values(self, number: int, tick: int) -> tuple[Any, ...] | None:
        """The record as columns of WIDGET; None while it does not exist."""
        return row_of(number, self.version(number, tick)).values if self.exists(number, tick) else None

    def batch(self, within: BatchRange, read_at: dt.datetime, tick: int) -> TransformedBatch:
        """What an import reads that began at `read_at`."""
        numbers = range(max(within.first, IDS.start), min(within.last + 1, IDS.stop))
        rows = [row_of(number, self.version(number, tick)) for number in numbers if self.exists(number, tick)]
        return batch_of(rows, first=within.first, last=within.last, read_at=read_at)


@cache
def _rhythm(seed: int, number: int) -> tuple[int, int, int]:
    """Every how many ticks the record changes, where in between it begins, and how many states it has."""
    dice = random.Random(f"{seed} {number}")
    return dice.choice([2, 5, 11, 40, 1000]), dice.randrange(1000), dice.choice([2, 10**6])


def row_of(number: int, version: int) -> Row:
    """A record in a version, which every column tells, so that a row of two versions is seen."""
    return row(
        WIDGET,
        number,
        name=f"{number} in version {version}: 'é😀\\",
        group="%\\'" * (version % 500),
        order=version,
        class_id=number * 1_000_000 + version,
        amount=Decimal(f"{version}.{number:08}"),
        isinactive=version % 2 == 0,
        startdate=_FIRST_DAY + dt.timedelta(days=version),
        lastmodifieddate=dt.datetime.combine(_FIRST_DAY, dt.time()) + dt.timedelta(seconds=version),
    )


def new_loader(engine: sa.Engine) -> BatchLoader:
    """A loader of WIDGET that no guard stops."""
    metadata = import_tables(target_metadata([WIDGET]))
    return BatchLoader(engine, metadata, delete_guard_percent=100, reject_guard_percent=100)


def work(truth: Truth, url: str, journal: Path, name: str) -> None:
    """Imports ranges for ever, adjacent ones and any others, and writes into the journal what became of each."""
    dice = random.Random(f"{truth.seed} {name}")
    # The pool reports every connection that was killed.
    logging.disable()
    loader = new_loader(_connected(url))
    with journal.open("a", buffering=1) as lines:
        number = 0
        while True:
            number += 1
            read_at = utc_now()
            tick = truth.tick(read_at)
            batch = truth.batch(_any_range(dice), read_at, tick)
            time.sleep(dice.random() * _READING_SECONDS)
            committing = dice.choice([0, 0, _READING_SECONDS])
            lines.write(f"{_outcome(loader, batch, f'{name}.{number}@{tick}', committing)}\n")


def _connected(url: str) -> sa.Engine:
    """An engine on a server that may just be restarting."""
    while True:
        try:
            return connect(url)
        except WarehouseError:
            time.sleep(_READING_SECONDS)


def _any_range(dice: random.Random) -> BatchRange:
    if dice.random() < 0.5:
        return dice.choice(RANGES)
    first = dice.choice(IDS)
    return BatchRange(first, first + dice.randrange(80))


def _outcome(loader: BatchLoader, batch: TransformedBatch, run_id: str, committing: float) -> str:
    def remember(connection: sa.Connection, ledger: Ledger) -> None:
        connection.execute(sa.text("INSERT INTO soak_commits VALUES (:run_id)"), {"run_id": ledger.run_id})
        # What others do between an import's last look and its COMMIT.
        time.sleep(committing)

    try:
        ledger = loader.load(batch, job_id="soak", run_id=run_id, on_commit=remember)
    except StaleRead:
        return "stale"
    except WarehouseError as error:
        return f"failed {type(error).__name__} {error.code}"
    except Exception as error:  # noqa: BLE001 - the journal is where it is looked for
        return f"broken {type(error).__name__} {error}"
    return f"committed {run_id} {ledger.retries}"
