"""What people added to a column is not lost when its type changes."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.difference import Verdict
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.retyping import forgotten_by_modify
from netsuite_pipeline.warehouse.migration.upgrade import check, upgrade
from netsuite_pipeline_tests.warehouse.migration_samples import create, declared, insert_widgets, schema

silent = [].append


@pytest.fixture
def engine(mariadb_url: str) -> Iterator[sa.Engine]:
    engine = connect(mariadb_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("definition", "forgotten"),
    [
        ("varchar(50) INVISIBLE", "INVISIBLE"),
        ("varchar(50) DEFAULT NULL CHECK (`name` <> '')", "CHECK (`name` <> '')"),
        ("varchar(50) COMPRESSED", "COMPRESSED"),
        ("int(10) unsigned zerofill", "zerofill"),
    ],
)
def test_what_would_be_dropped_needs_a_person(engine: sa.Engine, definition: str, forgotten: str) -> None:
    declaration = "`order` BIGINT" if definition.startswith("int") else "name VARCHAR(200)"
    create(engine, [(declaration, f"{declaration.split()[0]} {definition}")])
    (finding,) = check(engine, declared())
    assert finding.difference.verdict is Verdict.PERSON
    assert forgotten.split()[0].lower() in finding.difference.reason.lower()
    before = schema(engine)
    with pytest.raises(ChangeRefused, match="changing its type would drop its"):
        upgrade(engine, declared(), widen=True, report=silent)
    assert schema(engine) == before


def test_what_was_added_since_is_not_dropped_on_the_way_back(engine: sa.Engine) -> None:
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50)")])
    insert_widgets(engine)
    upgrade(engine, declared(), widen=True, report=silent)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE widgets MODIFY name VARCHAR(200) INVISIBLE")
    with pytest.raises(ChangeRefused, match=r"widgets.name: changing its type would drop its INVISIBLE"):
        downgrade(engine, yes=True, report=silent)


@pytest.mark.parametrize(
    "definition",
    [
        "varchar(50)",
        "varchar(50) DEFAULT NULL",
        "varchar(50) NOT NULL DEFAULT 'it''s NULL \\\\' COMMENT 'INVISIBLE, CHECK (''x'')'",
        "varchar(50) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL COMMENT 'x'",
        "decimal(10,2) unsigned DEFAULT -1.50",
        "datetime(3) NOT NULL DEFAULT current_timestamp(3)",
        "datetime NOT NULL DEFAULT CURRENT_TIMESTAMP",
        "int unsigned NOT NULL",
    ],
)
def test_what_is_told_again_is_not_lost(definition: str) -> None:
    text = f"CREATE TABLE `t` (\n  `a` int INVISIBLE,\n  `name` {definition},\n  PRIMARY KEY (`a`)\n)"
    assert forgotten_by_modify(text, "`name`") == ""


@pytest.mark.parametrize(
    ("definition", "forgotten"),
    [
        ("varchar(50) DEFAULT NULL /*!80023 INVISIBLE */", "/*!80023 INVISIBLE */"),
        (
            "datetime NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()",
            "ON UPDATE current_timestamp()",
        ),
        ("varchar(50) DEFAULT (concat('a',(1)))", "DEFAULT (concat('a',(1)))"),
        ("varchar(9) GENERATED ALWAYS AS (`a`) VIRTUAL", "GENERATED ALWAYS AS (`a`) VIRTUAL"),
    ],
)
def test_whatever_else_is_there_would_be_lost(definition: str, forgotten: str) -> None:
    assert forgotten_by_modify(f"CREATE TABLE `t` (\n  `name` {definition}\n)", "`name`") == forgotten
