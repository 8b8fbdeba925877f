"""`record-types` and `graph`: for people in 80 columns, and as JSON, DOT and SVG for programs."""

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import dagster as dg
import pytest
import sqlalchemy as sa

from netsuite_pipeline.cli import console
from netsuite_pipeline.cli.graph import levels
from netsuite_pipeline.cli.type_profile import complexity, profile_of
from netsuite_pipeline.cli.type_state import Stored
from netsuite_pipeline.netsuite.drafting import Draft, DraftColumn
from netsuite_pipeline.netsuite.value_guess import Guess
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom import extended_catalog, load_catalog
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.declared.items import ITEM_TYPES
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.cli.conftest import Command, note_missing
from netsuite_pipeline_tests.orchestration.runs import batches, plan, run_batches

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "record_types.example.yaml"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORD_TYPES_FILE", str(EXAMPLE))


@pytest.fixture
def without_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        if name.startswith("netsuite"):
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("DAGSTER_HOME")


@pytest.mark.usefixtures("without_account", "example")
@pytest.mark.parametrize(
    "arguments",
    [
        ["record-types", "list"],
        ["record-types", "show", "customer"],
        ["record-types", "show", "transaction_line"],
        ["record-types", "profile", "customrecord_fleet"],
        ["graph"],
    ],
)
def test_everything_fits_80_columns_and_needs_no_account(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.setattr(console.results, "width", 80)
    answer = command(*arguments)
    assert (answer.exit_code, answer.errors) == (0, "")
    assert max(map(len, answer.output.splitlines())) <= 80
    assert not (tmp_path / "warehouse.db").exists()


@pytest.mark.usefixtures("example")
def test_the_list_has_a_row_per_type_the_users_among_them(command: Command) -> None:
    rows = {line.split()[0]: line.split() for line in command("record-types", "list").output.splitlines()}
    assert rows.keys() - {"Record"} == {*CATALOG.names, "customrecord_fleet"}
    assert rows["customrecord_fleet"][1:4] == ["217", "fleet", "2"]


@pytest.mark.usefixtures("example")
def test_the_list_as_json(command: Command) -> None:
    facts = {entry["name"]: entry for entry in json.loads(command("record-types", "list", "--json").output)}
    assert facts["customrecord_fleet"] == {
        "name": "customrecord_fleet",
        "id": 217,
        "table": "fleet",
        "source": "customrecord_fleet",
        "level": 2,
        "columns": 11,
        "depends_on": ["location", "employee"],
    }


@pytest.mark.usefixtures("example")
def test_show_says_where_each_column_comes_from(command: Command) -> None:
    output = command("record-types", "show", "customer").output
    assert "customer: NetSuite's customer into customers · id -3 · level 1" in output
    assert "No import has looked yet whether the account has it." in output
    rows = {line.split()[0]: line.split() for line in output.splitlines() if line}
    assert rows["refid"][:3] == ["refid", "id", "integer"]
    assert rows["custentity_account_manager_id"][1:] == ["custentity_account_manager", "reference", "employee"]
    assert rows["custom_fields"][1:] == ["JSON", "of", "custentity_legacy_code,", "custentity_note", "long", "text"]


def test_show_says_what_stands_behind_an_alias_a_rule_and_a_sub_select(command: Command) -> None:
    fulfillment = command("record-types", "show", "item_fulfillment").output
    assert "mainline.… is transactionline where mainline.transaction = transaction.id" in fulfillment
    assert "status: A = picked, B = packed, C = shipped; else NULL" in fulfillment
    assert "NetSuite's (SELECT DISTINCT charge.chargetype" in command("record-types", "show", "charge_type").output


def test_show_of_a_column_names_every_type_that_fills_it(command: Command) -> None:
    rows = command("record-types", "show", "items.title").output.splitlines()
    assert [line.split()[:3] for line in rows[1:-1]] == [["other_charge_item", "title", "itemid"]]
    assert rows[-1] == "Read from item"

    found = json.loads(command("record-types", "show", "items.mpn", "--json").output)
    assert {one["record_type"] for one in found} == {record_type.name for record_type in ITEM_TYPES}

    shown = command("record-types", "show", "sales_orders.subsidiary_id").output
    assert "mainline.… is transactionline where" in shown
    assert "transactionbillingaddress" not in shown


def test_show_of_a_column_that_is_made_of_others_shows_those_too(command: Command) -> None:
    output = command("record-types", "show", "customers.billing_postal_code").output
    rows = [line.split() for line in output.splitlines()]
    assert rows[1][:3] == ["customer", "billing_zip", "billing.zip"]
    assert rows[2][:3] == ["customer", "billing_postal_code", "billing_zip"]
    assert "billing.… is entityaddress where billing.nkey = customer.defaultbillingaddress" in output


def test_show_of_a_column_of_a_view_shows_the_view(command: Command) -> None:
    output = command("record-types", "show", "chargetypes.name").output
    assert "Read from (SELECT DISTINCT charge.chargetype AS id" in output


def test_show_of_a_table_shows_its_type_or_names_its_types(command: Command) -> None:
    assert command("record-types", "show", "customers").output == command("record-types", "show", "customer").output

    answer = command("record-types", "show", "items")
    assert answer.exit_code == 2
    assert answer.errors.startswith("error: items is filled by inventory_item, ")


def test_show_of_an_unknown_column_names_those_that_are_like_it(command: Command) -> None:
    answer = command("record-types", "show", "customers.billing_zop")
    assert answer.exit_code == 2
    assert "customers has no column 'billing_zop'; it has billing_zip," in answer.errors


def test_show_says_what_is_unavailable_and_which_columns_are_missing(command: Command, sandbox: SandboxServer) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    sandbox.availability.set_column("customer", "fax", available=False)
    try:
        definitions = build_definitions(CATALOG, Settings.load())
        with dg.DagsterInstance.ephemeral() as instance:
            assert plan(definitions, instance, "price_level", "customer").success
            assert run_batches(definitions, instance, "customer", batches(instance, "customer")).success
    finally:
        sandbox.availability.set_column("customer", "fax", available=True)

    assert "Unavailable, as of 20" in command("record-types", "show", "price_level").output
    shown = command("record-types", "show", "customer").output
    assert "Available in the account, as of 20" in shown
    assert "The account lacks fax since 20" in shown
    facts = json.loads(command("record-types", "show", "customer", "--json").output)
    assert [missing["column"] for missing in facts["missing_columns"]] == ["fax"]
    assert facts["availability"]["available"] is True
    profile = json.loads(command("record-types", "profile", "customer", "--json").output)
    assert profile["rows"] > 50
    assert profile["batches"] > 1
    assert profile["row_bytes"] > 100
    assert any("are NULL in all of" in sentence for sentence in profile["advice"])


def test_a_missing_column_of_the_users_may_be_misspelt_and_is_not_shown_once_it_is_corrected(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "types.yaml"
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    declaration = "extend: {customer: {columns: {%s: {kind: text, length: 50, as: region}}}}\n"
    file.write_text(declaration % "custentity_regoin")
    note_missing("customer", "region", "fax")

    fax, region = _lines_of_missing(command)
    assert "RECORD_TYPES_FILE" not in fax
    assert region.startswith("The account lacks region since 20")
    assert region.endswith("It is declared in RECORD_TYPES_FILE: are its name and kind right there?")

    file.write_text(declaration % "custentity_region")
    assert _lines_of_missing(command) == [fax]
    facts = json.loads(command("record-types", "show", "customer", "--json").output)
    assert [missing["column"] for missing in facts["missing_columns"]] == ["fax"]


def _lines_of_missing(command: Command) -> list[str]:
    shown = command("record-types", "show", "customer").output
    return [line for line in shown.splitlines() if line.startswith("The account lacks")]


def test_an_unknown_type_is_one_sentence(command: Command) -> None:
    for verb in ("show", "profile"):
        answer = command("record-types", verb, "custmer")
        assert answer.exit_code == 2
        assert answer.errors.startswith("error: There is no record type 'custmer'. Known: ")


@pytest.mark.parametrize(
    "arguments", [["record-types", "list"], ["import", "start"], ["waves", "status"], ["db", "check"]]
)
def test_a_mistake_in_the_file_stops_every_command_with_its_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    file = tmp_path / "types.yaml"
    file.write_text("extend:\n  custmer: {}\n")
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    answer = command(*arguments)
    assert answer.exit_code == 2
    assert answer.errors == (
        f"error: {file}, line 2: there is no built-in record type 'custmer'; write 'customer', or declare a type of"
        " your own under `types`.\n"
    )


def test_the_code_location_stops_with_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import runpy

    from netsuite_pipeline.record_types.custom_yaml import CustomTypesError

    file = tmp_path / "types.yaml"
    file.write_text("types:\n  a: {id: 1, table: b, columns: {c: {kind: txt}}}\n")
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    # Another test of this process may have loaded it.
    monkeypatch.delitem(sys.modules, "netsuite_pipeline.definitions", raising=False)
    with pytest.raises(CustomTypesError, match="line 2: 'txt' is no kind of column"):
        runpy.run_module("netsuite_pipeline.definitions")


def test_a_draft_needs_no_warehouse_and_complains_of_none(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    assert command("record-types", "draft", "customer").exit_code == 0
    assert caplog.messages == []


def test_a_draft_is_printed_that_loads(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = command("record-types", "draft", "customrecord_fleet")
    file = tmp_path / "types.yaml"
    written = command("record-types", "draft", "customrecord_fleet", "--output", str(file))
    again = command("record-types", "draft", "customrecord_fleet", "--output", str(file))
    assert (answer.exit_code, answer.errors) == (written.exit_code, written.errors) == (0, "")
    assert written.output == f"Edit {file}, then: export RECORD_TYPES_FILE={file}\n"
    assert again.errors.startswith(f"error: {file} exists already: ")
    assert file.read_text() == answer.output
    assert extended_catalog(CATALOG, file).get("customrecord_fleet").id == 217


@pytest.mark.parametrize(
    ("columns", "said"), [(1100, "has 1101 columns; InnoDB takes 1012."), (300, "in the page and InnoDB has 8126")]
)
def test_a_draft_that_is_too_wide_for_mysql_says_so(
    command: Command, monkeypatch: pytest.MonkeyPatch, columns: int, said: str
) -> None:
    kind = Guess(kind=ColumnKind.TEXT, length=300)
    wide = tuple(
        DraftColumn(source=f"custrecord_{number}", kind=kind, guessed=True, origin="") for number in range(columns)
    )
    drafted = Draft(name="customrecord_x", columns=wide, rows=1, notes=(), id=7, table="x")
    monkeypatch.setattr("netsuite_pipeline.cli.record_types.draft_declaration", lambda *_, **__: drafted)
    lines = command("record-types", "draft", "customrecord_x").output.splitlines()
    (note,) = [line for line in lines if line.startswith("# Not storable as it is, so remove columns")]
    assert said in note
    assert sum("{kind: text" in line for line in lines) == columns


def test_columns_that_are_added_later_are_migrated_and_filled(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        _import_customers(instance)
        monkeypatch.setenv("RECORD_TYPES_FILE", str(EXAMPLE))
        checked = command("db", "check")
        assert checked.exit_code == 1
        assert "custentity_region" in checked.output
        assert command("db", "upgrade").exit_code == 0
        assert command("db", "check").exit_code == 0
        _import_customers(instance)
    profile = json.loads(command("record-types", "profile", "customer", "--json").output)
    empty = " ".join(profile["advice"])
    assert "are NULL in all of" in empty
    assert "custentity_region" not in empty


@pytest.mark.parametrize("lost", ["downgraded", "upgrade killed", "dropped by hand", "renamed in the file"])
def test_a_column_that_comes_again_is_filled_again(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lost: str
) -> None:
    declaration = "extend:\n  customer:\n    columns:\n      custentity_region: {kind: text, length: 64, as: %s}\n"
    file = tmp_path / "types.yaml"
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    name = "region"
    with dg.DagsterInstance.ephemeral() as instance:
        file.write_text("extend: {}\n")
        _import_customers(instance)
        file.write_text(declaration % name)
        assert command("db", "upgrade").exit_code == 0
        _import_customers(instance)
        filled = _filled(name)
        assert filled > 10
        if lost in {"downgraded", "upgrade killed"}:
            assert command("db", "downgrade", "--yes").exit_code == 0
        elif lost == "dropped by hand":
            _run("ALTER TABLE customers DROP COLUMN region")
        else:
            name = "area"
            file.write_text(declaration % name)
        assert command("db", "upgrade").exit_code == 0
        if lost == "upgrade killed":
            # After the statement, before it was marked as done.
            _run("UPDATE schema_changes SET applied_at = NULL WHERE id = (SELECT MAX(id) FROM schema_changes)")
        assert _filled(name) == 0
        _import_customers(instance)
    assert _filled(name) == filled


def _filled(column: str) -> int:
    return int(_run(f"SELECT COUNT({column}) FROM customers").scalar_one())


def _run(statement: str) -> sa.CursorResult[Any]:
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        frozen = result.freeze()() if result.returns_rows else result
    engine.dispose()
    return frozen


def _import_customers(instance: dg.DagsterInstance) -> None:
    settings = Settings.load()
    definitions = build_definitions(load_catalog(settings), settings)
    assert plan(definitions, instance, "customer").success
    assert run_batches(definitions, instance, "customer", batches(instance, "customer")).success


def test_a_draft_of_what_the_account_lacks_is_one_sentence(command: Command) -> None:
    answer = command("record-types", "draft", "customrecord_ships")
    assert answer.exit_code == 1
    assert answer.errors.startswith("error: Query NetSuite (SELECT customrecord_ships.* FROM customrecord_ships): ")
    assert answer.errors.count("\n") == 1


def test_complexity_and_advice_follow_the_declaration_and_the_rows() -> None:
    price_level, customer = CATALOG.get("price_level"), CATALOG.get("customer")
    assert complexity(price_level) < complexity(customer)
    wide = Stored(rows=100, batches=10, sampled=100, row_bytes=100_000, empty_columns=("fax",))
    profile = profile_of(customer, wide, batch_size=1000)
    assert profile.verdict == "heavy"
    assert "Rows are wide: BATCH_SIZE=50 keeps a batch below 8 MiB." in profile.advice
    assert "Batches hold 10 rows on average: many records were deleted or moved." in profile.advice
    assert any(sentence.startswith("1 of ") for sentence in profile.advice)
    none = Stored(rows=0, batches=0, sampled=0, row_bytes=0, empty_columns=())
    assert profile_of(price_level, none, batch_size=1000).advice == (
        "Nothing is stored yet: netsuite-pipeline import start --types price_level",
    )


def test_the_graph_names_levels_and_lineage(command: Command) -> None:
    lines = command("graph").output.splitlines()
    assert lines[:2] == ["Level 0", "  subsidiary"]
    assert "  customer <- subsidiary, location, price_level" in lines
    assert "  transaction_line <- subsidiary, location, price_level, items (9 types)" in lines
    assert [name for names in levels(CATALOG) for name in names] == list(CATALOG.names)


def test_the_graph_for_graphviz_has_every_edge(command: Command) -> None:
    lines = {line.strip() for line in command("graph", "--dot").output.splitlines()}
    for record_type in CATALOG:
        assert {f"{parent} -> {record_type.name};" for parent in record_type.depends_on} <= lines


@pytest.mark.usefixtures("example")
def test_the_picture_has_a_box_per_type_and_a_line_per_dependency(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "graph.svg"
    assert command("graph", "--picture", str(file)).output == f"{file} shows 24 record types.\n"
    root = ET.fromstring(file.read_text())
    catalog = extended_catalog(CATALOG, EXAMPLE)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}path")) == sum(len(found.depends_on) for found in catalog)
    assert {text.text for text in root.findall(f"{space}text")} >= set(catalog.names)
    boxes = [(box.get("x"), box.get("y")) for box in root.findall(f"{space}rect")]
    assert len(boxes) == len(set(boxes)) == 1 + len(catalog)


def test_a_picture_that_cannot_be_written_is_one_sentence(command: Command) -> None:
    answer = command("graph", "--picture", "/there/is/no/folder/graph.svg")
    assert answer.exit_code == 2
    assert answer.errors == "error: /there/is/no/folder/graph.svg cannot be written: No such file or directory.\n"
