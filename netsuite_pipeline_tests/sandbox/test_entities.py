"""Generated people, companies, projects, items and charges: who refers to whom, and what reality does to them."""

import pytest

from netsuite_pipeline.sandbox.dataset import Dataset

ENTITIES = ("customer", "job", "vendor", "employee")


def number(dataset: Dataset, sql: str) -> int:
    return int(dataset.connection().execute(sql).fetchone()[0])


def test_customers_projects_vendors_and_employees_share_one_id_space(dataset: Dataset) -> None:
    ids = " UNION ALL ".join(f"SELECT id, entityid FROM {table}" for table in ENTITIES)
    total = number(dataset, f"SELECT COUNT(*) FROM ({ids})")
    assert number(dataset, f"SELECT COUNT(DISTINCT id) FROM ({ids})") == total
    assert number(dataset, "SELECT COUNT(*) FROM entity") == total
    assert number(dataset, "SELECT COUNT(*) FROM customer c WHERE id > (SELECT MIN(id) FROM vendor)") > 0


def test_the_entity_table_follows_its_four(dataset: Dataset) -> None:
    with Dataset.generated(records=300, seed=1) as small:
        (identifier,) = small.connection().execute("SELECT MIN(id) FROM vendor").fetchone()
        small.put("vendor", [{"id": identifier, "altname": "Renamed"}])
        row = small.connection().execute("SELECT altname, type, vendor FROM entity WHERE id = ?", (identifier,))
        assert row.fetchone() == ("Renamed", "Vendor", identifier)
        small.delete("vendor", identifier)
        assert number(small, f"SELECT COUNT(*) FROM entity WHERE id = {identifier}") == 0


@pytest.mark.parametrize("entity", ["customer", "vendor"])
def test_most_have_one_subsidiary_some_several_and_a_few_none(dataset: Dataset, entity: str) -> None:
    relation = f"{entity}subsidiaryrelationship"
    counts = dict(
        dataset.connection().execute(
            f"SELECT n, COUNT(*) FROM (SELECT e.id, COUNT(r.id) n FROM {entity} e "
            f"LEFT JOIN {relation} r ON r.entity = e.id GROUP BY e.id) GROUP BY n"
        )
    )
    assert counts[1] > 10 * counts[2] > 0
    assert counts[0] > 0
    assert counts[3] > 0
    primaries = (
        f"SELECT COUNT(*) FROM (SELECT entity FROM {relation} GROUP BY entity HAVING SUM(isprimarysub = 'T') <> 1)"
    )
    assert number(dataset, primaries) == 0
    later = (
        f"SELECT COUNT(*) FROM {relation} r WHERE isprimarysub = 'T' "
        f"AND id > (SELECT MIN(id) FROM {relation} o WHERE o.entity = r.entity)"
    )
    assert number(dataset, later) > 0


def test_most_have_one_address_some_two_and_some_none(dataset: Dataset) -> None:
    customers = "SELECT COUNT(*) FROM customer WHERE"
    same = number(dataset, f"{customers} defaultbillingaddress = defaultshippingaddress")
    other = number(dataset, f"{customers} defaultbillingaddress <> defaultshippingaddress")
    assert same > 5 * other > 0
    assert number(dataset, f"{customers} defaultbillingaddress IS NULL") > 0


def test_addresses_are_as_untidy_as_people_type_them(dataset: Dataset) -> None:
    for condition in (
        "addr1 LIKE '%' || char(10) || '%'",
        "country = 'us'",
        "country LIKE ' %'",
        "TRIM(zip) = ''",
        "zip <> TRIM(zip)",
        "addr1 IS NULL AND addr2 IS NOT NULL",
        "addressee LIKE '%🙂%'",
        "addressee IS NOT NULL AND addr1 IS NULL AND city IS NULL",
        "country = 'JP'",
    ):
        assert number(dataset, f"SELECT COUNT(*) FROM entityaddress WHERE {condition}") > 0, condition


def test_places_of_the_company_have_an_address(dataset: Dataset) -> None:
    for kind in ("location", "subsidiary"):
        owned = (
            f"SELECT COUNT(*) FROM {kind} p JOIN {kind}mainaddress a ON a.nkey = p.mainaddress AND a.recordowner = p.id"
        )
        assert number(dataset, owned) == number(dataset, f"SELECT COUNT(*) FROM {kind}") > 0


def test_projects_belong_to_customers(dataset: Dataset) -> None:
    assert number(dataset, "SELECT COUNT(*) FROM job WHERE customer IS NULL OR parent IS NULL") == 0
    above = "SELECT COUNT(*) FROM job j JOIN job p ON p.id = j.parent WHERE j.customer"
    assert number(dataset, f"{above} = p.customer") == number(
        dataset, "SELECT COUNT(*) FROM job WHERE customer <> parent"
    )
    assert number(dataset, f"{above} = p.customer") > 0
    assert number(dataset, "SELECT COUNT(*) FROM job WHERE customer NOT IN (SELECT id FROM customer)") == 0
    assert number(dataset, "SELECT COUNT(*) FROM job WHERE CAST(percentcomplete AS REAL) > 100") > 0
    assert number(dataset, "SELECT COUNT(*) FROM job WHERE altname <> TRIM(altname)") > 0


def test_supervisors_form_a_tree_with_one_root(dataset: Dataset) -> None:
    assert number(dataset, "SELECT COUNT(*) FROM employee WHERE supervisor IS NULL AND id > 0") == 1
    assert number(dataset, "SELECT COUNT(*) FROM employee WHERE supervisor >= id") == 0


def test_items_have_every_type_and_one_has_none(dataset: Dataset) -> None:
    kinds = dict(dataset.connection().execute("SELECT itemtype, COUNT(*) FROM item GROUP BY itemtype").fetchall())
    assert kinds[None] == 1
    assert 0.4 < kinds["InvtPart"] / sum(kinds.values()) < 0.6
    assert kinds.keys() >= {"Assembly", "Kit", "Group", "GiftCert"}
    own = {"InvtPart", "NonInvtPart", "Service", "Description", "Subtotal", "Markup", "OthCharge", "Discount"}
    with Dataset.generated(records=250, seed=4) as small:
        assert own <= {row[0] for row in small.connection().execute("SELECT itemtype FROM item")}
    assert number(dataset, "SELECT COUNT(*) FROM item WHERE itemtype = 'Description' AND cost IS NOT NULL") == 0


def test_charges_refer_to_what_they_bill(dataset: Dataset) -> None:
    assert number(dataset, "SELECT COUNT(*) FROM charge WHERE billto IN (SELECT id FROM job)") > 100
    invoiced = (
        'SELECT COUNT(*) FROM charge c JOIN "transaction" i ON i.id = c.invoice JOIN "transaction" o '
        "ON o.id = c.salesorder WHERE i.type = 'CustInvc' AND o.type = 'SalesOrd' AND i.entity = o.entity"
    )
    total = number(dataset, "SELECT COUNT(*) FROM charge WHERE invoice IS NOT NULL")
    assert number(dataset, invoiced) == total > 100
    assert number(dataset, "SELECT COUNT(*) FROM charge WHERE chargetype IS NULL") > 0
    assert (
        number(dataset, "SELECT MIN(chargetype) FROM charge")
        < 0
        < number(dataset, "SELECT MAX(chargetype) FROM charge")
    )
    assert number(dataset, "SELECT COUNT(*) FROM charge WHERE CAST(quantity AS REAL) < 0") > 0
