"""Columns of other types with data in them: wider ones stay, and nothing is cut off on the way back."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.upgrade import check, upgrade
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline_tests.warehouse.migration_samples import (
    create,
    data,
    declared,
    insert_widgets,
    schema,
    set_widget,
)

silent = [].append


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def test_a_column_that_is_wider_than_declared_is_left_and_stops_no_upgrade(engine: sa.Engine) -> None:
    create(engine, [("name VARCHAR(200)", "name VARCHAR(400)")], without={"batch_ledger"})
    insert_widgets(engine, name="x" * 300)
    before = schema(engine)["widgets"], data(engine)["widgets"]
    outcome = upgrade(engine, declared(), widen=True, report=silent)
    assert [difference.table for difference in outcome.done] == ["batch_ledger"]
    assert outcome.left == ()
    assert upgrade(engine, declared(), widen=True, report=silent).done == ()
    assert (schema(engine)["widgets"], data(engine)["widgets"]) == before
    ensure_tables(engine, declared())


def test_a_date_becomes_a_moment_and_a_date_again(engine: sa.Engine) -> None:
    create(engine, [("lastmodifieddate DATETIME", "lastmodifieddate DATE")])
    insert_widgets(engine, lastmodifieddate="2026-01-02")
    before = schema(engine), data(engine)
    upgrade(engine, declared(), widen=True, report=silent)
    assert check(engine, declared()) == ()
    downgrade(engine, yes=False, report=silent)
    assert (schema(engine), data(engine)) == before


def test_a_time_of_day_is_not_cut_off(engine: sa.Engine) -> None:
    create(engine, [("lastmodifieddate DATETIME", "lastmodifieddate DATE")])
    insert_widgets(engine, lastmodifieddate="2026-01-02")
    upgrade(engine, declared(), widen=True, report=silent)
    set_widget(engine, "lastmodifieddate", "2026-01-02 00:00:01")
    with pytest.raises(ChangeRefused, match=r"lastmodifieddate has 1 rows whose values do not fit DATE"):
        downgrade(engine, yes=True, report=silent)


def test_no_digits_after_the_point_are_cut_off(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(engine, [("amount NUMERIC(24, 8)", "amount INT")])
    insert_widgets(engine, amount=5)
    before = schema(engine), data(engine)
    upgrade(engine, declared(), widen=True, report=silent)
    set_widget(engine, "amount", "1.5")
    with pytest.raises(ChangeRefused, match=r"column widgets.amount has 1 rows"):
        downgrade(engine, yes=True, report=silent)
    set_widget(engine, "amount", "5")
    downgrade(engine, yes=True, report=silent)
    assert (schema(engine), data(engine)) == before
    engine.dispose()
