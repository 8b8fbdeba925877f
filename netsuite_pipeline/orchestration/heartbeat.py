"""A run's side of supervision: a thread that says every few seconds that its process is alive.

Who listens is in `supervision`. Dagster's own run monitor cannot tell a dead run worker from a busy one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.waves.store import WaveStore

HEARTBEAT_SECONDS = 5.0


@contextmanager
def heartbeats(run_id: str, engine: Callable[[], AbstractContextManager[Engine]]) -> Iterator[None]:
    """Beats for the run until the block ends, on a connection of its own that `engine` opens.

    The last heartbeat stays: a process that dies between the end of its work and the end of its run is missed, too.
    """
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(run_id, engine, ended), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join(HEARTBEAT_SECONDS)


def _beat(run_id: str, engine: Callable[[], AbstractContextManager[Engine]], ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            with engine() as connected:
                store = WaveStore(connected)
                store.beat(run_id)
                while not ended.wait(HEARTBEAT_SECONDS):
                    store.beat(run_id)
        except (DBAPIError, WarehouseError, SettingsError):
            # The database is away, or has no tables yet. The run's own work meets the same and says so.
            ended.wait(HEARTBEAT_SECONDS)
