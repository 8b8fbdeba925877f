"""The Dagster instance that a command works with: the one DAGSTER_HOME names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from netsuite_pipeline.settings import SettingsError


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance; SettingsError if DAGSTER_HOME is unset, relative or no folder.

    Without DAGSTER_HOME Dagster would use a temporary instance, whose batches no daemon would ever see.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not home:
        raise SettingsError("DAGSTER_HOME is not set: give the folder that holds the daemon's dagster.yaml.")
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise SettingsError(f"DAGSTER_HOME is not usable: {home} is no absolute path of a folder.")
    with dg.DagsterInstance.get() as instance:
        yield instance
