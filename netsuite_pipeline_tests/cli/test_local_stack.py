"""The folder of a local pipeline: its data belong to one sandbox, its tables to the declarations of today."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from netsuite_pipeline.cli.local_stack import LocalStack
from netsuite_pipeline.cli.processes import ProcessGroup
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import SettingsError


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv("WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.db'}")
    with ProcessGroup(tmp_path) as processes:
        yield LocalStack(tmp_path, processes)


def test_a_folder_with_an_import_of_other_data_is_refused(stack: LocalStack) -> None:
    stack.start_sandbox(records=300, seed=7)
    stack.upgrade_warehouse(CATALOG)

    with pytest.raises(SettingsError, match=r"300 records, seed 7, .* not 300 records, seed 8, .*remove the folder"):
        stack.start_sandbox(records=300, seed=8)


def test_a_folder_of_an_earlier_version_is_refused(stack: LocalStack) -> None:
    (stack.directory / "warehouse.db").touch()

    with pytest.raises(SettingsError, match="an earlier version"):
        stack.start_sandbox(records=300, seed=7)


def test_tables_that_an_earlier_version_made_are_upgraded(stack: LocalStack) -> None:
    stack.upgrade_warehouse(CATALOG)
    engine = sa.create_engine(os.environ["WAREHOUSE_URL"])
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE customers DROP COLUMN altemail")

    stack.upgrade_warehouse(CATALOG)

    assert "altemail" in {column["name"] for column in sa.inspect(engine).get_columns("customers")}
    engine.dispose()
