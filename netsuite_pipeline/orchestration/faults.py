"""The faults whose text is one sentence for a person, and how Dagster is told of one: as a failure without a stack.

What each of them means is in the module that defines it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.waves.errors import WaveError

EXPECTED = (CatalogError, SettingsError, NetSuiteError, WarehouseError, WaveError)


@contextmanager
def expected_as_failures() -> Iterator[None]:
    """Around the work of a run: raises dg.Failure, which is not tried again, in place of an expected fault."""
    try:
        yield
    except EXPECTED as error:
        raise dg.Failure(str(error), allow_retries=False) from None
