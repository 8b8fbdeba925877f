"""What stops an upgrade or is there already, and what is said about it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.migration.difference import Verdict
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.upgrade import check, upgrade
from netsuite_pipeline_tests.warehouse.migration_samples import create, declared, schema

silent = [].append


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[sa.Engine]:
    engine = connect(mariadb_url)
    yield engine
    engine.dispose()


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def just_before(engine: sa.Engine, beginning: str, act: Callable[[sa.Engine], None]) -> None:
    """Lets another connection act once, before a statement that begins so."""
    other = connect(engine.url.render_as_string(hide_password=False))
    acted: list[bool] = []

    def hook(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(beginning) and not acted:
            acted.append(True)
            act(other)
            other.dispose()

    event.listen(engine, "before_cursor_execute", hook)


def test_a_view_that_has_the_name_of_a_table_needs_a_person(engine: sa.Engine) -> None:
    create(engine, without={"widgets", "batch_ledger"})
    run(engine, "CREATE VIEW widgets AS SELECT 1 AS refid")
    view, _ = sorted(check(engine, declared()), key=lambda finding: finding.difference.verdict)
    assert (view.difference.found, view.difference.verdict) == ("a view", Verdict.PERSON)
    assert view.statements == ("DROP VIEW widgets",)
    with pytest.raises(ChangeRefused, match=r"because widgets needs a person: .*; a view has the name"):
        upgrade(engine, declared(), widen=True, report=silent)
    assert not sa.inspect(engine).has_table("batch_ledger")


def test_what_an_import_creates_meanwhile_is_not_counted_and_not_undone(mariadb: sa.Engine) -> None:
    create(mariadb, without={"widgets", "import_rejects_job"})
    just_before(mariadb, "CREATE TABLE widgets", declared().tables["widgets"].create)
    outcome = upgrade(mariadb, declared(), widen=False, report=silent)
    assert [difference.name for difference in outcome.done] == ["import_rejects.import_rejects_job"]
    assert check(mariadb, declared()) == ()
    downgrade(mariadb, yes=False, report=silent)
    assert sa.inspect(mariadb).has_table("widgets")


def test_what_is_created_meanwhile_in_another_way_stops_the_upgrade(mariadb: sa.Engine) -> None:
    create(mariadb, without={"widgets"})
    just_before(mariadb, "CREATE TABLE widgets", lambda other: run(other, "CREATE TABLE widgets (refid BIGINT)"))
    with pytest.raises(ChangeRefused, match=r"another process created widgets at the same moment and not as declared"):
        upgrade(mariadb, declared(), widen=False, report=silent)
    downgrade(mariadb, yes=True, report=silent)
    assert sa.inspect(mariadb).has_table("widgets")


def test_an_index_created_meanwhile_on_another_column_stops_the_upgrade(mariadb: sa.Engine) -> None:
    create(mariadb, without={"import_rejects_job"})
    other_index = "CREATE INDEX import_rejects_job ON import_rejects (run_id)"
    just_before(mariadb, "CREATE INDEX import_rejects_job", lambda other: run(other, other_index))
    with pytest.raises(ChangeRefused, match=r"another process created import_rejects.import_rejects_job"):
        upgrade(mariadb, declared(), widen=False, report=silent)


def test_a_step_that_the_database_refuses_is_named_without_advice_for_imports(mariadb: sa.Engine) -> None:
    create(mariadb, [("name VARCHAR(200)", "name VARCHAR(50)"), ("class_id BIGINT, \n\t", "")])
    upgrade(mariadb, declared(), widen=True, report=silent)
    run(mariadb, "ALTER TABLE widgets ADD CONSTRAINT mine CHECK (class_id <> refid)")
    with pytest.raises(WarehouseError) as caught:
        downgrade(mariadb, yes=False, report=silent)
    text = str(caught.value)
    assert "stopped at step 2 of 2 (what was done before it stays; run it again to go on from there)" in text
    assert "because the step to drop column widgets.class_id failed: " in text
    assert "(1054)." in text
    assert "start the pipeline" not in text


def test_a_refused_step_of_sqlite_has_changed_nothing(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, [("class_id BIGINT, \n\t", "")], without={"batch_ledger"})
    upgrade(engine, declared(), widen=False, report=silent)
    run(engine, "ALTER TABLE widgets ADD COLUMN mine INTEGER AS (class_id + 1)")
    before = schema(engine)
    with pytest.raises(WarehouseError, match=r"stopped at step . of 2 \(nothing was changed\), because the step to"):
        downgrade(engine, yes=False, report=silent)
    assert schema(engine) == before
    engine.dispose()


def test_an_index_that_is_not_understood_gives_no_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, [("class_id BIGINT, \n\t", "")])
    run(engine, "CREATE INDEX mine ON widgets (lower(name))")
    upgrade(engine, declared(), widen=False, report=silent)
    downgrade(engine, yes=False, report=silent)
    assert not recwarn.list
    engine.dispose()
