"""The benchmarks run, and what they compare is the same content. How fast anything is is not asserted."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import pytest

from benchmarks import load_table, report, whole_chain
from benchmarks.content import expected
from benchmarks.database import Database
from benchmarks.load_table import measure
from benchmarks.page_server import PageServer
from benchmarks.rivals import ExecuteMany
from benchmarks.tables import Table
from benchmarks.technique import FIRST
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

OURS = ("ours", "ours_two_writers")


@pytest.fixture
def database(mariadb_server: MariaDBServer) -> Iterator[Database]:
    with closing(Database(mariadb_server)) as database:
        yield database


def test_every_scenario_of_a_shape_is_measured_and_compared(database: Database) -> None:
    names = (*OURS, "load_data", "load_data_ignore", "executemany")

    measured = measure(database, "narrow", batches=1, repeat=1, names=names)

    found = {(one.scenario, one.technique): one for one in measured}
    assert all(found[scenario, name].faithful for scenario in ("first", "changed", "unchanged") for name in names[:3])
    assert all(found["bad", name].stored == 990 and found["bad", name].quarantined == 10 for name in OURS)
    assert (found["bad", "load_data"].stored, found["bad", "load_data"].faithful) == (0, False)
    cut = found["bad", "load_data_ignore"]
    assert (cut.stored, cut.faithful) == (1000, False)


def test_a_value_that_is_changed_on_its_way_is_noticed(database: Database) -> None:
    table = Table.of("narrow")
    batches = table.batches(1)
    technique = ExecuteMany(database, table)
    technique.create()
    rows = technique.prepare(batches, FIRST)
    assert technique.load(rows) == 0
    assert technique.content() == expected(table, batches)

    with technique.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE bench_narrow SET decimal_value_001 = 0.01 WHERE refid = 7")

    assert technique.content() != expected(table, batches)
    technique.close()


def test_every_chain_brings_the_same_rows_into_the_table_and_the_report_is_made_of_it(database: Database) -> None:
    with PageServer("narrow", rows=1000) as server:
        passages = whole_chain.measure(database, server, "narrow", rows=1000, repeat=1)
        steps = whole_chain.measure_steps(database, server, "narrow", rows=2000)

    assert {one.chain for one in passages if one.faithful} == set(whole_chain.CHAINS)
    saved = {
        "conditions": {"database": "MariaDB"},
        "rows": 1000,
        "repeat": 1,
        "passages": [asdict(passage) for passage in passages],
        "steps": [asdict(step) for step in steps],
    }
    page = report.page({whole_chain.RESULTS: json.loads(json.dumps(saved))}, picture="")
    assert "SQLAlchemy executemany" in page
    assert "diff: read keys and hashes" in page


def test_what_only_make_bench_installs_is_not_imported_by_measuring_or_reporting() -> None:
    assert load_table.TECHNIQUES
    assert not {"dlt", "matplotlib"} & sys.modules.keys()
