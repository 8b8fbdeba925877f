"""Generated transactions: they refer to what exists, their lines add up, and orders know what became of them."""

import pytest

from netsuite_pipeline.sandbox.dataset import Dataset

SALES = "('SalesOrd', 'CustInvc', 'ItemShip', 'Opprtnty')"
TRANSACTIONS = '"transaction" t'
LINES = 'transactionline l JOIN "transaction" t ON t.id = l."transaction"'


def number(dataset: Dataset, sql: str) -> int:
    return int(dataset.connection().execute(sql).fetchone()[0])


def test_main_lines_hold_the_total_and_lines_add_up_to_zero(dataset: Dataset) -> None:
    wrong = (
        f"SELECT COUNT(*) FROM (SELECT t.id FROM {LINES} GROUP BY t.id HAVING ABS(SUM(l.foreignamount)) > 0.001 "
        "OR SUM(l.mainline = 'T') <> 1 "
        "OR ABS(SUM(CASE WHEN l.mainline = 'T' THEN l.foreignamount END) - t.foreigntotal) > 0.001)"
    )
    assert number(dataset, wrong) == 0
    headers = number(dataset, f"SELECT COUNT(*) FROM {TRANSACTIONS}")
    assert number(dataset, 'SELECT COUNT(DISTINCT "transaction") FROM transactionline') == headers


def test_quantities_of_sales_lines_are_negative(dataset: Dataset) -> None:
    counts = f"SELECT COUNT(*) FROM {LINES} WHERE t.type IN {SALES} AND CAST(l.quantity AS REAL)"
    assert number(dataset, f"{counts} > 0") == 0
    assert number(dataset, f"{counts} < 0") > 1_000


def test_tax_and_cost_lines_exist_and_lines_count_from_zero(dataset: Dataset) -> None:
    assert number(dataset, f"SELECT COUNT(*) FROM {LINES} WHERE l.taxline = 'T' AND t.type = 'SalesOrd'") > 100
    for code in ("ItemShip", "CustInvc"):
        assert number(dataset, f"SELECT COUNT(*) FROM {LINES} WHERE l.iscogs = 'T' AND t.type = '{code}'") > 100
    assert number(dataset, "SELECT COUNT(*) FROM transactionline WHERE id = 0 AND mainline <> 'T'") == 0
    assert number(dataset, "SELECT COUNT(*) - COUNT(DISTINCT uniquekey) FROM transactionline") == 0


@pytest.mark.parametrize(("code", "share"), [("CustInvc", 0.7), ("ItemShip", 1.0)])
def test_invoices_and_fulfillments_come_from_earlier_orders_of_the_same_customer(
    dataset: Dataset, code: str, share: float
) -> None:
    followed = (
        f'SELECT COUNT(DISTINCT t.id) FROM {LINES} JOIN "transaction" o ON o.id = l.createdfrom '
        f"WHERE t.type = '{code}' AND o.type = 'SalesOrd' AND o.id < t.id AND o.entity = t.entity "
        "AND o.currency = t.currency"
    )
    total = number(dataset, f"SELECT COUNT(*) FROM {TRANSACTIONS} WHERE type = '{code}'")
    assert share * total <= number(dataset, followed) <= total
    elsewhere = f"SELECT COUNT(*) FROM {LINES} WHERE t.type = '{code}' AND l.createdfrom IS NOT NULL"
    joined = f"SELECT COUNT(*) FROM {LINES} JOIN \"transaction\" o ON o.id = l.createdfrom WHERE t.type = '{code}'"
    assert number(dataset, elsewhere) == number(dataset, joined)


def test_statuses_are_letters_of_the_type_and_all_of_them_occur(dataset: Dataset) -> None:
    letters: dict[str, str] = {}
    for code, letter in dataset.connection().execute(
        'SELECT DISTINCT type, status FROM "transaction" ORDER BY type, status'
    ):
        letters[code] = letters.get(code, "") + letter
    assert letters["SalesOrd"] == "ABCDEFGH"
    assert letters["CustInvc"] == "ABDEV"
    assert letters["ItemShip"] == "ABC"
    assert letters["Opprtnty"] == "ABCD"
    nameless = (
        f"SELECT COUNT(*) FROM {TRANSACTIONS} WHERE NOT EXISTS "
        "(SELECT 1 FROM transactionstatus s WHERE s.id = t.status AND s.trantype = t.type)"
    )
    assert number(dataset, nameless) == 0


def test_an_orders_status_agrees_with_its_invoices_and_fulfillments(dataset: Dataset) -> None:
    of_order = f"SELECT 1 FROM {LINES} WHERE l.createdfrom = o.id AND t.type ="
    orders = "SELECT COUNT(*) FROM \"transaction\" o WHERE o.type = 'SalesOrd' AND"
    assert number(dataset, f"{orders} o.status IN ('A', 'C', 'H') AND EXISTS ({of_order} 'CustInvc')") == 0
    assert number(dataset, f"{orders} o.status = 'G' AND NOT EXISTS ({of_order} 'CustInvc')") == 0
    assert number(dataset, f"{orders} o.status IN ('D', 'F') AND NOT EXISTS ({of_order} 'ItemShip')") == 0


def test_paid_and_unpaid_amounts_add_up_to_the_invoice(dataset: Dataset) -> None:
    invoices = f"SELECT COUNT(*) FROM {TRANSACTIONS} WHERE type = 'CustInvc' AND"
    assert number(dataset, f"{invoices} ABS(foreignamountpaid + foreignamountunpaid - foreigntotal) > 0.001") == 0
    assert number(dataset, f"{invoices} status = 'B' AND CAST(foreignamountunpaid AS REAL) <> 0") == 0
    assert number(dataset, f"{invoices} status = 'V' AND (voided <> 'T' OR CAST(foreigntotal AS REAL) <> 0)") == 0


def test_yen_have_no_decimals(dataset: Dataset) -> None:
    lines = f"SELECT COUNT(*) FROM {LINES} JOIN currency c ON c.id = t.currency WHERE c.symbol = 'JPY'"
    assert number(dataset, f"{lines} AND t.type = 'SalesOrd'") > 20
    assert number(dataset, f"{lines} AND t.type <> 'ItemShip' AND l.iscogs = 'F' AND l.foreignamount LIKE '%.%'") == 0


def test_a_transaction_has_a_copy_of_its_customers_address(dataset: Dataset) -> None:
    copied = (
        'SELECT COUNT(*) FROM "transaction" t JOIN transactionbillingaddress b ON b.nkey = t.billingaddress '
        "JOIN customer c ON c.id = t.entity JOIN entityaddress e ON e.nkey = c.defaultbillingaddress WHERE"
    )
    assert number(dataset, f"{copied} e.addressee = b.addressee AND e.addr1 IS b.addr1") > 1_000
    assert number(dataset, f"{copied} e.addressee <> b.addressee OR e.addr1 IS NOT b.addr1") == 0
    for code, billed in (("SalesOrd", True), ("CustInvc", True), ("ItemShip", False)):
        of_type = f"SELECT COUNT(*) FROM {TRANSACTIONS} WHERE type = '{code}' AND"
        assert bool(number(dataset, f"{of_type} billingaddress IS NOT NULL")) is billed
        assert number(dataset, f"{of_type} shippingaddress IS NULL") > 0


def test_a_shipped_fulfillment_has_a_number_for_each_package(dataset: Dataset) -> None:
    of_fulfillments = (
        'SELECT COUNT(*) FROM "transaction" t JOIN trackingnumbermap m ON m."transaction" = t.id WHERE t.type = '
    )
    total = number(dataset, "SELECT COUNT(*) FROM trackingnumbermap")
    assert number(dataset, f"{of_fulfillments} 'ItemShip' AND t.status = 'C'") == total > 500
    assert total > number(dataset, 'SELECT COUNT(DISTINCT "transaction") FROM trackingnumbermap')
    assert total > number(dataset, "SELECT COUNT(*) FROM trackingnumber") > 0


def test_types_that_nobody_imports_are_there_too(dataset: Dataset) -> None:
    for code in ("Journal", "CustPymt", "PurchOrd"):
        assert number(dataset, f"SELECT COUNT(*) FROM {TRANSACTIONS} WHERE type = '{code}'") > 50
    vendors = f"SELECT COUNT(*) FROM {TRANSACTIONS} JOIN vendor v ON v.id = t.entity WHERE t.type <> 'PurchOrd'"
    assert number(dataset, vendors) == 0
