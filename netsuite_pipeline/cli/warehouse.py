"""The warehouse as commands that only look find it: they make no table, and no file of a name that is mistyped.

Commands that change it open it as runs do (`orchestration.resources`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect


@contextmanager
def existing_warehouse(settings: Settings) -> Iterator[sa.Engine | None]:
    """An engine on the warehouse of WAREHOUSE_URL; None for an SQLite file that is not there yet. WarehouseError."""
    url = make_url(settings.warehouse_url.get_secret_value())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield None
        return
    engine = connect(settings.warehouse_url.get_secret_value())
    try:
        yield engine
    finally:
        engine.dispose()
