"""A table that people had before is imported by its asset like any other, and stays theirs."""

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches

_THEIRS = """CREATE TABLE customers (id INTEGER PRIMARY KEY AUTO_INCREMENT, refid BIGINT NOT NULL UNIQUE,
    entityid VARCHAR(200), segment VARCHAR(20) NOT NULL DEFAULT 'unknown')"""


@pytest.mark.usefixtures("both_databases")
def test_a_table_of_their_own_is_filled_and_keeps_what_they_have_in_it(
    instance: dg.DagsterInstance, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADOPT_TABLES", "customers")
    settings = Settings.load()
    definitions = build_definitions(load_catalog(settings), settings)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE customers"))
        server = engine.dialect.name != "sqlite"
        connection.execute(text(_THEIRS if server else _THEIRS.replace("AUTO_INCREMENT", "AUTOINCREMENT")))
        connection.execute(text("INSERT INTO customers (refid, segment) VALUES (-5, 'gold')"))
    assert plan(definitions, instance, "customer").success
    keys = batches(instance, "customer")

    ledgers = []
    for _ in range(2):
        assert run_batches(definitions, instance, "customer", keys).success
        ledgers.append([events[0] for events in materializations(instance, "customer").values()])
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM customers ORDER BY id")).all()
        assert tuple(rows[0]) == (1, -5, None, "gold")
        # No number was used up.
        assert [row.id for row in rows] == list(range(1, len(rows) + 1))
        assert len(rows) - 1 == sum(ledger["inserted"] for ledger in ledgers[0]) > 100

    assert sum(ledger["inserted"] + ledger["updated"] for ledger in ledgers[1]) == 0
    assert sum(ledger["unchanged"] for ledger in ledgers[1]) == len(rows) - 1
