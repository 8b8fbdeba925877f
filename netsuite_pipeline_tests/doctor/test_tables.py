"""The tables: what `db check` finds, told by what it means for imports."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from netsuite_pipeline.doctor.database import Warehouse
from netsuite_pipeline.doctor.finding import Finding, Status
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.doctor.tables import row_size_answer, table_checks
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import adopting
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import target_metadata
from netsuite_pipeline_tests.doctor.conftest import found

FEW = Catalog([CATALOG.get("price_level"), CATALOG.get("location")])


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    """An empty database."""
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def _findings(engine: sa.Engine, catalog: Catalog = FEW) -> dict[str, Finding]:
    configuration = Configuration()
    configuration.catalog = catalog
    return found(table_checks(Warehouse(configuration, lambda: engine), lambda: target_metadata(catalog)))


def _change(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_tables_that_are_not_there_are_a_warning_and_stay_so(engine: sa.Engine) -> None:
    finding = _findings(engine)["database.tables"]
    assert finding.status is Status.WARNING
    assert set(finding.found.removeprefix("not there yet: ").split(", ")) == {"price_levels", "locations"}
    assert sa.inspect(engine).get_table_names() == []


def test_a_missing_column_is_an_error_because_imports_stop(engine: sa.Engine) -> None:
    ensure_tables(engine, target_metadata(FEW))
    assert _findings(engine)["database.tables"].status is Status.OK
    _change(engine, "ALTER TABLE price_levels DROP COLUMN name")
    finding = _findings(engine)["database.tables"]
    assert (finding.status, finding.remedy) == (Status.ERROR, "netsuite-pipeline db upgrade")
    assert finding.found.endswith("imports stop: price_levels.name")


def test_a_view_in_a_tables_place_needs_a_person(engine: sa.Engine) -> None:
    _change(engine, "CREATE VIEW price_levels AS SELECT 1 AS refid")
    finding = _findings(engine)["database.tables"]
    assert finding.status is Status.ERROR
    assert finding.found.startswith("price_levels: needs a person (a view")


def test_a_narrow_column_is_a_warning(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    ensure_tables(engine, target_metadata(FEW))
    _change(engine, "ALTER TABLE price_levels MODIFY external_id VARCHAR(20)")
    finding = _findings(engine)["database.tables"]
    engine.dispose()
    assert (finding.status, finding.remedy) == (Status.WARNING, "netsuite-pipeline db upgrade --widen")


def test_an_adopted_table_without_its_key_is_an_error(engine: sa.Engine) -> None:
    _change(engine, "CREATE TABLE price_levels (refid BIGINT, name VARCHAR(255))")
    finding = _findings(engine, adopting(FEW, ["price_levels"]))["database.adopted_tables"]
    assert finding.status is Status.ERROR
    assert "has no unique key over (refid)" in finding.found


def test_an_adopted_table_is_well_and_what_it_lacks_is_named(engine: sa.Engine) -> None:
    _change(engine, "CREATE TABLE price_levels (refid BIGINT PRIMARY KEY, name VARCHAR(255))")
    finding = _findings(engine, adopting(FEW, ["price_levels"]))["database.adopted_tables"]
    assert finding.status is Status.OK
    assert "without the columns that they do not have: price_levels." in finding.found


def test_the_widest_row_is_measured_against_both_limits() -> None:
    answer = row_size_answer(CATALOG, page=16_384)
    assert answer.status is Status.OK
    assert " of 65,535 bytes declared, " in answer.found
    assert row_size_answer(CATALOG, page=8_192).status is Status.ERROR
