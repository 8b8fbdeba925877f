"""The generated data: repeatable, coherent, and dirty where real accounts are."""

import hashlib

import pytest

from netsuite_pipeline.sandbox.catalogue import TABLES, Kind
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.generation.dirt import unloadable_positions
from netsuite_pipeline.sandbox.generation.sizes import Sizes

IMPORTED = ("subsidiary", "location", "pricelevel", "customer", "job", "vendor", "employee", "item", "charge")
IMPORTED_TYPES = "('SalesOrd', 'CustInvc', 'ItemShip', 'Opprtnty')"


def number(dataset: Dataset, sql: str) -> int:
    return int(dataset.connection().execute(sql).fetchone()[0])


def fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for table in TABLES:
        for row in dataset.connection().execute(f'SELECT * FROM "{table}" ORDER BY rowid'):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    prints = []
    for seed in (5, 5, 6):
        with Dataset.generated(records=2_000, seed=seed) as generated:
            prints.append(fingerprint(generated))
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("records", [0, 1, 10, 100, 1_000, 30_000])
def test_there_are_about_as_many_records_as_asked_for(records: int) -> None:
    with Dataset.generated(records=records, seed=1) as generated:
        total = sum(number(generated, f"SELECT COUNT(*) FROM {table}") for table in IMPORTED)
        total += number(generated, "SELECT COUNT(DISTINCT chargetype) FROM charge")
        total += number(generated, f'SELECT COUNT(*) FROM "transaction" WHERE type IN {IMPORTED_TYPES}')
        total += number(
            generated,
            'SELECT COUNT(*) FROM transactionline l JOIN "transaction" t ON t.id = l."transaction" '
            f"WHERE t.type IN {IMPORTED_TYPES}",
        )
    assert abs(total - records) <= 25 + records * 0.03


def test_the_number_of_customers_can_be_set_alone() -> None:
    with Dataset.generated(records=100, seed=1, customers=1_234) as generated:
        assert number(generated, "SELECT COUNT(*) FROM customer") == 1_234
    assert Sizes.of(100, customers=1_234).items == Sizes.of(100).items


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Sizes.of(-1)


def test_every_reference_leads_to_a_record(dataset: Dataset) -> None:
    dangling = {}
    for table in TABLES.values():
        for name, column in table.columns.items():
            # -1 is NetSuite's own id of a custom price; it is no price level.
            if column.target is not None and column.kind is Kind.INTEGER:
                key = TABLES[column.target].key[0]
                dangling[f"{table.name}.{name}"] = number(
                    dataset,
                    f'SELECT COUNT(*) FROM "{table.name}" WHERE "{name}" <> -1 '
                    f'AND "{name}" NOT IN (SELECT "{key}" FROM "{column.target}")',
                )
    assert {name: count for name, count in dangling.items() if count} == {}


def test_every_column_that_is_no_reference_holds_a_value_somewhere(dataset: Dataset) -> None:
    without_owner = {"creditmemoline", "kitmemberof", "revcommittingtransaction", "transferorderitemlineid"}
    for table in ("customer", "vendor", "job", "item", "transaction", "transactionline", "charge"):
        columns = [
            name
            for name, column in TABLES[table].columns.items()
            if column.target is None and name not in without_owner
        ]
        counted = ", ".join(f'COUNT("{name}")' for name in columns)
        counts = dataset.connection().execute(f'SELECT {counted} FROM "{table}"').fetchone()
        assert [name for name, count in zip(columns, counts, strict=True) if not count] == [], table


def test_ids_have_negatives_and_gaps_and_one_space_for_all_transactions(dataset: Dataset) -> None:
    negative = dataset.connection().execute("SELECT id FROM item WHERE id < 0 ORDER BY id").fetchall()
    assert [row[0] for row in negative] == [-7, -6, -5, -4, -3, -2, -1]
    for table in ("customer", "item", "transaction"):
        assert number(dataset, f'SELECT MAX(id) - MIN(id) + 1 - COUNT(*) FROM "{table}"') > 0
    assert number(dataset, "SELECT MIN(id) FROM customer") > 1


def test_texts_are_as_dirty_as_people_make_them(dataset: Dataset) -> None:
    texts = "".join(str(row[0]) for row in dataset.connection().execute('SELECT DISTINCT memo FROM "transaction"'))
    for sample in ("🙂", "شحن", "<b>", '"', "\\", "𠜎"):
        assert sample in texts
    assert number(dataset, "SELECT COUNT(*) FROM customer WHERE altname <> TRIM(altname)") > 0
    assert number(dataset, "SELECT COUNT(*) FROM employee WHERE entityid = '-System-'") == 1
    assert number(dataset, "SELECT COUNT(*) FROM transactionline WHERE linelastmodifieddate IS NULL") > 0


@pytest.mark.parametrize(("customers", "unloadable"), [(499, 0), (500, 2)])
def test_unloadable_customers_are_rare_and_few(customers: int, unloadable: int) -> None:
    with Dataset.generated(records=0, seed=9, customers=customers) as generated:
        phones = number(generated, "SELECT COUNT(*) FROM customer WHERE LENGTH(phone) > 64")
        dates = number(generated, "SELECT COUNT(*) FROM customer WHERE startdate < '0100'")
    assert (phones, dates) == (unloadable // 2, unloadable // 2)
    assert len(unloadable_positions(137_705)) == 13


def test_every_large_type_has_a_few_rows_that_no_column_can_take(dataset: Dataset) -> None:
    for table, condition in {
        "vendor": "LENGTH(phone) > 64 OR datecreated < '0100'",
        "job": "LENGTH(phone) > 64 OR startdate < '0100'",
        "item": "LENGTH(upccode) > 64 OR createddate < '0100'",
        "charge": "LENGTH(amount) > 30 OR chargedate < '0100'",
        "transactionline": "LENGTH(rate) > 30 OR expectedshipdate < '0100'",
        "\"transaction\" WHERE type = 'SalesOrd' AND (1 = 0": "trandate < '0100' OR LENGTH(exchangerate) > 30)",
        "\"transaction\" WHERE type = 'CustInvc' AND (1 = 0": "trandate < '0100' OR LENGTH(exchangerate) > 30)",
        "\"transaction\" WHERE type = 'ItemShip' AND (1 = 0": "trandate < '0100' OR LENGTH(exchangerate) > 30)",
        "\"transaction\" WHERE type = 'Opprtnty' AND (1 = 0": "trandate < '0100' OR LENGTH(exchangerate) > 30)",
    }.items():
        link = "OR" if "WHERE" in table else "WHERE"
        assert number(dataset, f"SELECT COUNT(*) FROM {table} {link} {condition}") == 2, table


def test_people_have_names_and_companies_have_company_names(dataset: Dataset) -> None:
    wrong = (
        "SELECT COUNT(*) FROM customer WHERE (isperson = 'T') = (lastname IS NULL) "
        "OR (isperson = 'F') = (companyname IS NULL)"
    )
    assert number(dataset, wrong) == 0


def test_the_files_are_gone_after_closing() -> None:
    generated = Dataset.generated(records=10, seed=1)
    directory = generated._directory
    assert directory.exists()
    generated.close()
    assert not directory.exists()
