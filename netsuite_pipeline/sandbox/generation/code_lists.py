"""Small tables of codes and names that other records refer to."""

from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.rows import Rows, flag, moment

# The currency without decimals.
YEN = 5
# swishbi_itemtype.csv, a public seed of NetSuite's itemtype table: (id, internal id, name).
ITEM_TYPES = (
    ("InvtPart", 1, "Inventory Item"), ("NonInvtPart", 2, "Non-inventory Item"), ("Service", 3, "Service"),
    ("OthCharge", 4, "Other Charge"), ("Assembly", 5, "Assembly/Bill of Materials"),
    ("Kit", 6, "Kit/Package"), ("Group", 7, "Item Group"), ("Discount", 8, "Discount"),
    ("Markup", 9, "Markup"), ("Subtotal", 10, "Subtotal"), ("Description", 11, "Description"),
    ("Payment", 12, "Payment"), ("TaxItem", 13, "Sales Tax Item"), ("TaxGroup", 14, "Sales Tax Group"),
    ("ShipItem", 15, "Shipping Cost Item"), ("EndGroup", 16, "End of Item Group"),
    ("DwnLdItem", 17, "Download Item"), ("GiftCert", 18, "Gift Certificate"), ("Expense", 19, "Expense"),
    ("SubscriPlan", 20, "Subscription Plan"),
)  # fmt: skip
# Letters per transaction type (thenetsuitepro.com and blog.prolecto.com agree): (type, its name, letters and
# names). V is voided, on the types that can be.
_STATUSES = (
    ("SalesOrd", "Sales Order", {"A": "Pending Approval", "B": "Pending Fulfillment", "C": "Cancelled",
                                 "D": "Partially Fulfilled", "E": "Pending Billing/Partially Fulfilled",
                                 "F": "Pending Billing", "G": "Billed", "H": "Closed"}),
    ("CustInvc", "Invoice", {"A": "Open", "B": "Paid In Full", "D": "Pending Approval", "E": "Rejected",
                             "V": "Voided"}),
    ("ItemShip", "Item Fulfillment", {"A": "Picked", "B": "Packed", "C": "Shipped"}),
    ("Opprtnty", "Opportunity", {"A": "In Progress", "B": "Issued Estimate", "C": "Closed - Won",
                                 "D": "Closed - Lost"}),
    ("Journal", "Journal", {"A": "Pending Approval", "B": "Approved for Posting"}),
    ("CustPymt", "Customer Payment", {"B": "Not Deposited", "C": "Deposited"}),
    ("PurchOrd", "Purchase Order", {"A": "Pending Supervisor Approval", "B": "Pending Receipt", "H": "Closed"}),
)  # fmt: skip
# Ids of projects' statuses and types are an account's own; the first five are those of a new account.
_JOB_STATUSES = (
    (1, "Pending"),
    (2, "In Progress"),
    (3, "Closed"),
    (4, "Awarded"),
    (5, "Not Awarded"),
    (6, "On hold: PO awaited"),
)
_JOB_TYPES = ((1, "Installation"), (2, "Consulting"), (3, "Internal"))
# No source lists them; REST's sample page shows that system types have negative ids (-19).
CHARGE_TYPES = (
    (-21, "Purchase"), (-20, "Expense-Based"), (-19, "Time-Based"), (-18, "Fixed Date"), (-17, "Milestone"),
    (-16, "Project Progress"), (4, " Travel & subsistence "), (9, "Überstunden 🕗"), (11, "Unused"),
)  # fmt: skip


def code_lists() -> Iterator[Rows]:
    """The lists, in no order; they are the same in every account."""
    yield Rows("dual", ("dummy",), [("X",)])
    yield Rows("itemtype", ("id", "internalid", "name", "sequence"), [(*row, row[1]) for row in ITEM_TYPES])
    yield Rows(
        "transactionstatus",
        ("trantype", "id", "name", "fullname"),
        [
            (code, letter, name, f"{kind} : {name}")
            for code, kind, letters in _STATUSES
            for letter, name in letters.items()
        ],
    )
    yield Rows("jobstatus", ("id", "name", "isinactive"), [(*row, "F") for row in _JOB_STATUSES])
    yield Rows("jobtype", ("id", "name", "isinactive"), [(*row, "F") for row in _JOB_TYPES])
    yield Rows(
        "chargetype",
        ("id", "name", "applytocustomer", "applytoproject", "isinactive"),
        [(*row, flag(row[0] > -18), "T", flag(row[1] == "Unused")) for row in CHARGE_TYPES],
    )
    yield from _structure(moment(12, 36_000))


def _structure(changed: str) -> Iterator[Rows]:
    yield Rows(
        "currency",
        (
            "id",
            "name",
            "symbol",
            "exchangerate",
            "currencyprecision",
            "isbasecurrency",
            "isinactive",
            "lastmodifieddate",
        ),
        [
            (1, "US Dollar", "USD", "1", 2, "T", "F", changed),
            (2, "British Pound", "GBP", "1.27", 2, "F", "F", changed),
            (4, "Euro", "EUR", "1.08", 2, "F", "F", changed),
            (YEN, "Japanese Yen", "JPY", ".0067", 0, "F", "F", changed),
        ],
    )
    for table in ("department", "classification"):
        names = ("Sales", "Service", "Wholesale")
        yield Rows(
            table,
            ("id", "name", "fullname", "isinactive", "lastmodifieddate"),
            [(index, name, name, "F", changed) for index, name in enumerate(names, 1)],
        )
    yield Rows(
        "term",
        ("id", "name", "daysuntilnetdue", "isinactive", "lastmodifieddate"),
        [
            (1, "Net 15", 15, "F", changed),
            (2, "Net 30", 30, "F", changed),
            (5, "Due on receipt", 0, "F", changed),
        ],
    )
