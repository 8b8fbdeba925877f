"""The user's YAML file: what it adds to the catalog, and one sentence with file and line for every mistake."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom import OWN_TABLES, load_catalog
from netsuite_pipeline.record_types.custom_yaml import CustomTypesError
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import AS_SET, FailurePolicy, RetryPolicy
from netsuite_pipeline.record_types.model import Kind
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline_tests.record_types.yaml_files import CUSTOMER, FLEET, Chosen, Load, names

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "record_types.example.yaml"


def test_without_a_file_the_catalog_is_the_built_in_one() -> None:
    assert load_catalog(Chosen(None)) is CATALOG
    assert load_catalog(Settings()) is CATALOG


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "extend: {}\ntypes: {}\n"])
def test_an_empty_file_adds_nothing(load: Load, text: str) -> None:
    assert list(load(text)) == list(CATALOG)


def test_the_example_of_the_documentation_loads() -> None:
    catalog = load_catalog(Chosen(EXAMPLE))
    fleet = catalog.get("customrecord_fleet")
    assert (fleet.id, fleet.table, fleet.source.table) == (217, "fleet", "customrecord_fleet")
    assert fleet.source.modified == "lastmodified"
    assert catalog.level("customrecord_fleet") == 1 + max(catalog.level("employee"), catalog.level("location"))
    columns = {field.name: field for field in fleet.value_fields}
    assert list(columns)[-3:] == ["price", "state", "state_name"]
    assert (columns["driver_id"].kind, columns["driver_id"].references) == (Kind.REFERENCE, "employee")
    assert (columns["plate"].kind, columns["plate"].length) == (Kind.TEXT, 16)
    added = names(catalog.get("customer")) - names(CATALOG.get("customer"))
    assert added == {
        "custentity_region",
        "custentity_account_manager_id",
        "custentity_credit_score",
        "is_key_account",
        "custom_fields",
    }


def test_a_table_stands_for_every_type_that_is_stored_in_it() -> None:
    catalog = load_catalog(Chosen(EXAMPLE))
    extended = {found.name for found in catalog if "custitem_warranty_months" in names(found)}
    assert extended == {found.name for found in CATALOG if found.table == "items"}


def test_a_text_is_cut_only_where_the_file_says_so(load: Load) -> None:
    line = load_catalog(Chosen(EXAMPLE)).get("transaction_line")
    assert [field.name for field in line.value_fields if field.truncate] == ["custcol_lot"]
    with pytest.raises(CustomTypesError, match="a column of kind date has no truncate"):
        load(CUSTOMER + "custentity_since: {kind: date, truncate: true}\n")


def test_the_example_shows_every_kind_there_is() -> None:
    catalog = load_catalog(Chosen(EXAMPLE))
    builtin = {field for found in CATALOG for field in found.value_fields}
    assert {field.kind for found in catalog for field in found.value_fields if field not in builtin} == set(Kind)


def test_a_reference_to_items_of_any_type_names_their_table(load: Load) -> None:
    fleet = load(FLEET + "      tyre: {kind: reference, references: items}\n").get("fleet")
    assert [field.references for field in fleet.fields if field.name == "tyre_id"] == ["items"]


CHARGE_TYPE = (
    "extend:\n  charge_type:\n    source: chargetype\n    columns:\n"
    "      applytocustomer: {kind: boolean}\n      isinactive: {kind: boolean}\n"
)


def test_a_table_of_the_account_takes_the_place_of_a_built_in_view(load: Load) -> None:
    charge_type = load(CHARGE_TYPE).get("charge_type")
    assert charge_type.source == replace(CATALOG.get("charge_type").source, view=None)
    assert names(charge_type) == {"name", "applytocustomer", "isinactive"}
    assert charge_type.id == CATALOG.get("charge_type").id


def test_a_table_of_another_name_is_read_under_the_name_that_the_declaration_knows(load: Load) -> None:
    customer = load("extend:\n  customer:\n    source: customer_v2\n").get("customer")
    assert customer.source == replace(CATALOG.get("customer").source, view="customer_v2")
    assert customer.source.netsuite_table == "customer_v2"


def test_the_line_of_the_example_that_is_left_out_works_when_it_is_put_in(load: Load) -> None:
    (line,) = [line for line in EXAMPLE.read_text().splitlines() if line.startswith("  # charge_type:")]
    charge_type = load("extend:\n" + line.replace("# ", "") + "\n").get("charge_type")
    assert charge_type.source.view is None


FAILURES = "extend:\n  customer:\n    failures:\n      "


def test_a_type_of_the_users_says_what_follows_from_its_failures(load: Load) -> None:
    fleet = load(
        FLEET + "    failures:\n      timeout: {attempts: 5, delay: 60}\n      database: {retry: false}\n"
        "      continue_on_permanent: false\n"
    ).get("fleet")
    assert fleet.failure_policy == FailurePolicy(
        retries=(
            RetryPolicy(category=FailureCategory.TIMEOUT, attempts=5, delay=60),
            RetryPolicy(category=FailureCategory.DATABASE, retry=False),
        ),
        continue_on_permanent=False,
    )


def test_every_category_but_a_refused_login_can_be_named_in_the_file(load: Load) -> None:
    named = sorted(set(FailureCategory) - {FailureCategory.AUTHENTICATION})
    text = "".join(f"      {category.value}: {{retry: true}}\n" for category in named)
    customer = load("extend:\n  customer:\n    failures:\n" + text).get("customer")
    assert sorted(one.category for one in customer.failure_policy.retries) == named


def test_built_in_types_keep_what_the_file_does_not_say(load: Load) -> None:
    catalog = load(FAILURES + "continue_on_permanent: false\n  items:\n    failures: {unknown: {retry: false}}\n")
    changed = {found.name: found.failure_policy for found in catalog if found.failure_policy != AS_SET}
    assert changed.keys() == {"customer"} | {found.name for found in CATALOG if found.table == "items"}
    assert changed["customer"] == FailurePolicy(continue_on_permanent=False)
    assert replace(catalog.get("customer"), failure_policy=AS_SET) == CATALOG.get("customer")


MISTAKES = [
    ("extend:\n  custmer: {}\n", 2, "there is no built-in record type 'custmer'; write 'customer', or declare"),
    ("extend:\n  customer:\n    colums: {}\n", 3, "'colums' is not known here; write one of source, columns, json_c"),
    ("exten: {}\n", 1, "'exten' is not known here; write one of extend, types."),
    ("extend:\n  charge_type:\n    source: charge type\n", 3, "'charge type' cannot be a name of NetSuite's; write"),
    (CUSTOMER + "custentity_a: {kind: txt}\n", 4, "'txt' is no kind of column; write one of integer, reference, text,"),
    (CUSTOMER + "custentity_a: {kind: text}\n", 4, "a text needs a length; write length: 1 to 16000, or kind: long"),
    (CUSTOMER + "custentity_a: {kind: text, length: 0}\n", 4, "a text needs a length; write"),
    (CUSTOMER + "custentity_a: {kind: text, length: big}\n", 4, "'length' cannot be 'big'; write a whole number."),
    (CUSTOMER + "custentity_a: {kind: text, length: true}\n", 4, "'length' cannot be true; write a whole number."),
    (CUSTOMER + "custentity_a: {kind: text, length: 64.0}\n", 4, "'length' cannot be '64.0'; write a whole number."),
    (CUSTOMER + "custentity_a:\n        length: 5\n", 4, "'kind' is missing; write `kind: …` below this line."),
    (CUSTOMER + "custentity_a: {kind: decimal}\n", 4, "a decimal needs both sizes; write precision: 24 and scale: 8"),
    (CUSTOMER + "custentity_a: {kind: decimal, precision: 4, scale: 5}\n", 4, "these sizes do not go together; write"),
    (CUSTOMER + "custentity_a: {kind: date, length: 5}\n", 4, "a column of kind date has no length; remove length or"),
    (CUSTOMER + "custentity_a: {kind: enum}\n", 4, "an enum needs names; write names: {A: Active, B: Sold}"),
    (CUSTOMER + "custentity_a: date\n", 4, "'custentity_a' cannot be 'date'; write `name: value` lines, indented."),
    (CUSTOMER + "custentity_a: {kind: date}\n      custentity_a: {kind: date}\n", 5, "'custentity_a' stands here a"),
    (CUSTOMER + "email: {kind: date}\n", 4, "'customer' has a column 'email' already; remove this one or give it an"),
    (CUSTOMER + "custbody_a: {kind: date}\n", 4, "'customer' has no custbody_ fields; write 'custbody_a' under oppor"),
    (CUSTOMER + "custentity-a: {kind: date}\n", 4, "'custentity-a' cannot be a name of NetSuite's; write its script"),
    (CUSTOMER + "custentity_a: {kind: date, as: A}\n", 4, "'A' cannot be a name, which has lower-case letters, digi"),
    (CUSTOMER + f"custentity_a: {{kind: date, as: {'a' * 60}}}\n", 4, f"'{'a' * 59}…' is too long for a name, with 60"),
    (
        CUSTOMER + "level: {kind: text, length: 5}\n",
        4,
        "'level' is a word of SQL; give this column another name, e.g. `as",
    ),
    (CUSTOMER + "_x: {kind: text, length: 5}\n", 4, "'_x' cannot be a name, which has lower-case letters, digits and"),
    (
        CUSTOMER + f"custentity_{'x' * 54}: {{kind: date}}\n",
        4,
        f"'custentity_{'x' * 53}…' is too long for a name, with 65 characters instead of at most 64; give this",
    ),
    (
        CUSTOMER + f"custentity_{'x' * 51}: {{kind: reference}}\n",
        4,
        f"'custentity_{'x' * 51}_i…' is too long for a name, with 65 characters instead of at most 64; give this",
    ),
    ("extend:\n  charge_type:\n    source: select\n", 3, "'select' is a word of SQL and no table of NetSuite's; write"),
    (FLEET + "    source: Order\n", 7, "'Order' is a word of SQL and no table of NetSuite's; write the table's script"),
    (FLEET.replace("fleet", "order"), 2, "'order' is a word of SQL; write another name, e.g. 'custom_order', with Net"),
    (CUSTOMER + "custentity_a: {kind: date, as: order}\n", 4, "'order' is a word of SQL; write another name, e.g. 'o"),
    (
        CUSTOMER + "custentity_a: {kind: date, as: row_hash}\n",
        4,
        "every table has deleted_at, external_id, imported_at",
    ),
    (
        CUSTOMER + "custentity_a: {kind: reference, references: employe}\n",
        4,
        "there is no record type 'employe'; write 'e",
    ),
    (CUSTOMER + "id: {kind: integer, as: number_value}\n", 4, "every table has deleted_at, external_id"),
    ("extend:\n  customer:\n    json_columns: [custbody_a]\n", 3, "'customer' has no custbody_ fields; write"),
    (
        "extend:\n  customer:\n    json_columns: custentity_a\n",
        3,
        "'json_columns' cannot be 'custentity_a'; write a list",
    ),
    (
        "extend:\n  customer:\n    json_columns: [custentity_a, custentity_A]\n",
        3,
        "'customer' has a column 'custentity_a' already; remove 'custentity_A' from this list.",
    ),
    ("extend:\n  customer:\n    json_columns: [ID]\n", 3, "every table has deleted_at, external_id, imported_at, reco"),
    (
        "extend:\n  items:\n    json_columns: [custitem_a]\n  inventory_item:\n    json_columns: [custitem_b]\n",
        5,
        "'inventory_item' has json_columns already, on line 3; write all of them in one list.",
    ),
    (
        CUSTOMER + "custentity_a: {kind: date, as: custom_fields}\n    json_columns: [custentity_b]\n",
        5,
        "'customer' has a column 'custom_fields' already; json_columns are kept under this name, so give the other",
    ),
    (
        FLEET + "      custentity_a: {kind: date}\n    source: job\n    json_columns: [custbody_a]\n",
        9,
        "'fleet' has no",
    ),
    (
        FLEET.replace("fleet", "customrecord_a") + "      custcol_a: {kind: date}\n",
        7,
        "'customrecord_a' has no custcol_",
    ),
    (
        "extend:\n  inventory_item:\n    columns:\n      title: {kind: date}\n",
        4,
        "table 'items' has another column 'ti",
    ),
    (FLEET.replace("id: 5", "id: -5"), 3, "the id must be positive, because built-in types have the negative ones;"),
    (FLEET.replace("id: 5", "id: five"), 3, "'id' cannot be 'five'; write a whole number."),
    (FLEET.replace("    id: 5\n", ""), 2, "'id' is missing; write `id: …` below this line."),
    (FLEET.replace("cars", "customers"), 4, "the table 'customers' is taken; write another name, e.g. 'fleet'."),
    (FLEET.replace("cars", "batch_ledger"), 4, "the table 'batch_ledger' is taken; write another name, e.g. 'fleet'."),
    (FLEET.replace("fleet", "customer"), 2, "'customer' is a built-in record type; write its columns under `extend`."),
    (FLEET.replace("fleet", "config"), 2, "'config' cannot name an asset of Dagster's; write another name, e.g. 'cus"),
    (FLEET.replace("fleet", "plan_waves"), 2, "'plan_waves' cannot name a record type, because jobs of the pipeline"),
    (FLEET.replace("fleet", "start_import"), 2, "'start_import' cannot name a record type, because jobs of the pipe"),
    (FLEET.replace("fleet", "import_customer"), 2, "'import_customer' cannot name a record type, because jobs of the"),
    (FLEET.partition("    columns")[0], 2, "'fleet' has no columns; write them below `columns:`, each as"),
    (FAILURES + "timeouts: {attempts: 2}\n", 4, "'timeouts' is not known here; write one of timeout, api_rate_limit,"),
    (FAILURES + "authentication: {retry: false}\n", 4, "'authentication' is not known here; write one of timeout, api"),
    (FAILURES + "timeout: {tries: 2}\n", 4, "'tries' is not known here; write one of retry, attempts, delay."),
    (FAILURES + "timeout: 3\n", 4, "'timeout' cannot be 3; write `name: value` lines, indented."),
    (FAILURES + "timeout: {attempts: many}\n", 4, "'attempts' cannot be 'many'; write a whole number."),
    (FAILURES + "timeout: {attempts: 21}\n", 4, "failures of timeout: attempts cannot be 21; write 1 to 20, or retry:"),
    (FAILURES + "database:\n        delay: 900\n", 4, "failures of database: delay cannot be 900; write 1 to 300 sec"),
    (FAILURES + "unknown: {retry: false, delay: 9}\n", 4, "failures of unknown: what is not tried again has neither a"),
    (FAILURES + "permanent_error: {attempts: 2}\n", 4, "failures of permanent_error: a permanent error is not tried"),
    (FAILURES + "continue_on_permanent: 1\n", 4, "'continue_on_permanent' cannot be 1; write true or false."),
    (
        "extend:\n  items:\n    failures: {timeout: {delay: 9}}\n  item:\n    failures: {timeout: {delay: 8}}\n",
        3,
        "'item' has failures on line 5, too; write all of them in one place.",
    ),
    (FLEET + "    failures: {timeout: {delay: 301}}\n", 7, "failures of timeout: delay cannot be 301; write 1 to 300"),
    (FLEET + "    modified: changed\n", 7, "'changed' is no datetime column of 'fleet'; write the name of one that is"),
    (
        FLEET + "    depends_on: [locations]\n",
        7,
        "there is no record type 'locations'; write 'location', or remove it.",
    ),
    (FLEET + "    depends_on: [fleet]\n", 7, "record types depend on each other in a circle, fleet -> fleet; remove"),
    (
        FLEET + FLEET.replace("types:\n", "").replace("fleet", "ships").replace("cars", "ships"),
        8,
        "'fleet' has the id 5 already; write another",
    ),
    (
        FLEET + FLEET.replace("types:\n", "").replace("fleet", "ships").replace("5", "6"),
        9,
        "the table 'cars' is taken; write another name, e.g. 'ships'.",
    ),
    (
        FLEET + "    depends_on: [ships]\n  ships:\n    depends_on: [fleet]\n    id: 6\n    table: ships\n"
        "    columns: {name: {kind: date}}\n",
        7,
        "record types depend on each other in a circle, fleet -> ships -> fleet; remove one of these",
    ),
    ("extend: &again\n  customer: *again\n", 1, "this contains itself; write it out."),
    ("extend:\n  customer: [\n", 3, "this is no YAML (expected the node content, but found '<stream end>'); check"),
    ("\0", 1, "this is no YAML; remove what is no printable text."),
    ("false\n", 1, "'the file' cannot be false; write `name: value` lines, indented."),
    ("- customer\n", 1, "'the file' cannot be ['customer']; write `name: value` lines, indented."),
    ("extend:\n  ? [customer]\n  : {}\n", 2, "a name is expected here; write `name: value`."),
]


@pytest.mark.parametrize(("text", "line", "sentence"), MISTAKES, ids=[mistake[2][:40] for mistake in MISTAKES])
def test_a_mistake_is_one_sentence_with_file_line_and_what_to_write(
    load: Load, tmp_path: Path, text: str, line: int, sentence: str
) -> None:
    with pytest.raises(CustomTypesError) as error:
        load(text)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'types.yaml'}, line {line}: {sentence}")
    assert said.endswith(".")
    assert "\n" not in said


def test_tables_that_no_built_in_type_reads_may_have_any_custom_field(load: Load) -> None:
    contact = load(
        "types:\n  contact:\n    id: 6\n    table: contacts\n    columns:\n"
        "      custentity_role: {kind: text, length: 64}\n      custentity_boss: {kind: reference}\n"
    ).get("contact")
    assert names(contact) == {"custentity_role", "custentity_boss_id"}


def test_netsuites_table_of_files_can_be_read(load: Load) -> None:
    assert load(FLEET + "    source: file\n").get("fleet").source.table == "file"


def test_of_several_mistakes_the_first_from_the_top_is_told(load: Load) -> None:
    with pytest.raises(CustomTypesError, match="line 4: 'txt'"):
        load(CUSTOMER + "custentity_a: {kind: txt}\n      custentity_b: {kind: text}\n    more: 1\n")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "types.yaml"
    with pytest.raises(CustomTypesError, match=re.escape(f"cannot be read: {missing}: No such file or directory.")):
        load_catalog(Chosen(missing))
    missing.write_bytes(b"\xff\xfe")
    with pytest.raises(CustomTypesError, match="is no UTF-8 text"):
        load_catalog(Chosen(missing))


def test_the_file_is_given_by_an_absolute_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORD_TYPES_FILE", "types.yaml")
    with pytest.raises(SettingsError, match=r"RECORD_TYPES_FILE is not usable: expected an absolute path"):
        Settings.load()


def test_no_type_can_take_a_table_of_the_pipeline() -> None:
    from netsuite_pipeline.orchestration.resources import warehouse_metadata

    tables = set(warehouse_metadata(CATALOG).tables) - {found.table for found in CATALOG}
    assert tables == OWN_TABLES
