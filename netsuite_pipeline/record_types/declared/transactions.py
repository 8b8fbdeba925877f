"""Declarations of transactions: opportunities, sales orders, invoices and item fulfillments. Lines are in `lines`.

NetSuite has one `transaction` table filtered by type; subsidiary, location, department, class and what a transaction
was created from are not on the header but on its main line. Days open and overdue are left out: they change by
themselves every day, which would make every transaction a changed one.
"""

from collections.abc import Mapping

from netsuite_pipeline.record_types.addresses import address
from netsuite_pipeline.record_types.declared.items import ITEM_TYPES
from netsuite_pipeline.record_types.ids import IDS
from netsuite_pipeline.record_types.model import (
    Field,
    Lookup,
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    quotient,
    reference,
    text,
)
from netsuite_pipeline.record_types.rules import enum

# Record type -> transaction.type. Lines are imported for exactly these.
TYPE_CODES = {
    "opportunity": "Opprtnty",
    "sales_order": "SalesOrd",
    "invoice": "CustInvc",
    "item_fulfillment": "ItemShip",
}

# What the letter in `status` means: the same one means something else in each type.
OPPORTUNITY_STATUSES = {
    "A": "in_progress",
    "B": "issued_estimate",
    "C": "closed_won",
    "D": "closed_lost",
}
SALES_ORDER_STATUSES = {
    "A": "pending_approval",
    "B": "pending_fulfillment",
    "C": "cancelled",
    "D": "partially_fulfilled",
    "E": "pending_billing_partially_fulfilled",
    "F": "pending_billing",
    "G": "billed",
    "H": "closed",
}
INVOICE_STATUSES = {
    "A": "open",
    "B": "paid",
    "D": "pending_approval",
    "E": "rejected",
    "V": "voided",
}
SHIP_STATUSES = {
    "A": "picked",
    "B": "packed",
    "C": "shipped",
}

_MAIN_LINE = Lookup(
    alias="mainline",
    table="transactionline",
    on="mainline.transaction = transaction.id AND mainline.mainline = 'T'",
)

# What every type has.
_HEADER = (
    text("tranid", 255),
    text("transactionnumber", 255),
    text("trandisplayname", 255),
    text("typebaseddocumentnumber", 255),
    text("externalid", 255),
    text("otherrefnum", 255),
    text("memo", 4000),
    # One letter, whose meaning is in `status_name` or `ship_status`.
    text("status", 32),
    text("source", 64),
    text("email", 1000),
    # A customer or a project.
    reference("entity"),
    reference("employee", "employee"),
    reference("partner"),
    reference("currency"),
    reference("postingperiod"),
    reference("customform"),
    reference("createdby"),
    reference("lastmodifiedby"),
    reference("mainline.subsidiary", "subsidiary"),
    reference("mainline.location", "location"),
    reference("mainline.department"),
    reference("mainline.class"),
    reference("mainline.createdfrom"),
    quotient("exchangerate"),
    decimal("foreigntotal"),
    flag("posting"),
    # `void` says that NetSuite's own voiding made it, `voided` that it was voided.
    flag("void"),
    flag("voided"),
    flag("memorized"),
    flag("tobeemailed"),
    flag("tobefaxed"),
    flag("tobeprinted"),
    date("trandate"),
    date("closedate"),
    moment("createddate"),
    moment("lastmodifieddate"),
)

# What is sold and billed has beside that.
_SALE = (
    text("nexus", 64),
    reference("terms"),
    reference("opportunity", "opportunity"),
    reference("leadsource"),
    reference("billingaddress"),
    reference("shippingaddress"),
    quotient("estgrossprofit"),
    quotient("estgrossprofitpercent"),
    quotient("totalcostestimate"),
    decimal("altsalestotal"),
    decimal("netaltsalestotal"),
    flag("shipcomplete"),
    flag("paymenthold"),
    flag("userevenuearrangement"),
    date("startdate"),
    date("enddate"),
    date("shipdate"),
    date("actualshipdate"),
)


# Of headers only: in queries of lines these joins are reported to take NetSuite beyond its time limit.
_SHIPPING_ADDRESS = address("shipping", "transactionshippingaddress", of="transaction.shippingaddress")
_SALE_ADDRESSES = address("billing", "transactionbillingaddress", of="transaction.billingaddress") + _SHIPPING_ADDRESS


# A fulfillment has one for each of its packages, and NetSuite keeps them in this place only.
_PACKAGES = (
    "FROM trackingnumbermap INNER JOIN trackingnumber ON trackingnumber.id = trackingnumbermap.trackingnumber"
    " WHERE trackingnumbermap.transaction = transaction.id"
)
_PACKAGE_COUNT = f"(SELECT COUNT(trackingnumber.id) {_PACKAGES})"
# Whether NetSuite runs LISTAGG in a sub-select is not confirmed on a live account, and Oracle's help says that it does
# not run it at all, which others have seen it do: an account that refuses it loses this column and nothing else. Beyond
# 4,000 bytes LISTAGG fails (ORA-01489), and the whole page with it: where there are more, there is only their number.
_TRACKING_NUMBERS = (
    f"(CASE WHEN (SELECT SUM(LENGTH(trackingnumber.trackingnumber) + 2) {_PACKAGES}) <= 4000"
    f" THEN (SELECT LISTAGG(trackingnumber.trackingnumber, ', ') WITHIN GROUP (ORDER BY trackingnumber.id) {_PACKAGES})"
    " END)"
)


def _transaction(
    name: str,
    *,
    table: str,
    depends_on: tuple[str, ...],
    statuses: Mapping[str, str],
    fields: tuple[Field, ...],
    status_column: str = "status_name",
) -> RecordType:
    return RecordType(
        name=name,
        id=IDS[name],
        table=table,
        source=Source(
            table="transaction",
            lookups=(_MAIN_LINE,),
            where=f"transaction.type = '{TYPE_CODES[name]}'",
        ),
        depends_on=depends_on,
        fields=_HEADER + fields,
        rules=(enum("status", statuses, name=status_column),),
    )


OPPORTUNITY = _transaction(
    "opportunity",
    table="opportunities",
    depends_on=("customer", "subsidiary", "location"),
    statuses=OPPORTUNITY_STATUSES,
    fields=(
        text("title", 255),
        text("actionitem", 1000),
        reference("entitystatus"),
        reference("leadsource"),
        reference("salesreadiness"),
        reference("winlossreason"),
        reference("buyingreason"),
        reference("buyingtimeframe"),
        quotient("probability"),
        decimal("projectedtotal"),
        decimal("rangelow"),
        decimal("rangehigh"),
        quotient("weightedtotal"),
        decimal("estimatedbudget"),
        flag("isbudgetapproved"),
        flag("includeinforecast"),
        date("expectedclosedate"),
    ),
)

SALES_ORDER = _transaction(
    "sales_order",
    table="sales_orders",
    depends_on=("customer", "subsidiary", "location", "opportunity", "transaction_line"),
    statuses=SALES_ORDER_STATUSES,
    fields=(
        *_SALE,
        flag("ordpicked"),
        flag("printedpickingticket"),
        flag("visibletocustomer"),
        date("nextbilldate"),
        date("expectedclosedate"),
    ),
).plus(_SALE_ADDRESSES)

INVOICE = _transaction(
    "invoice",
    table="invoices",
    depends_on=(
        "customer",
        "subsidiary",
        "location",
        "opportunity",
        "transaction_line",
        *(item.name for item in ITEM_TYPES),
    ),
    statuses=INVOICE_STATUSES,
    fields=(
        *_SALE,
        decimal("foreignamountpaid"),
        decimal("foreignamountunpaid"),
        decimal("foreignpaymentamountused"),
        decimal("foreignpaymentamountunused"),
        flag("isfinchrg"),
        flag("isreversal"),
        flag("openingbalancetransaction"),
        date("duedate"),
        date("reversaldate"),
    ),
).plus(_SALE_ADDRESSES)

ITEM_FULFILLMENT = _transaction(
    "item_fulfillment",
    table="item_fulfillments",
    depends_on=("customer", "subsidiary", "location"),
    statuses=SHIP_STATUSES,
    status_column="ship_status",
    fields=(
        text("shipcarrier", 64),
        text("fulfillmenttype", 64),
        text("tracking_numbers", None, _TRACKING_NUMBERS),
        integer("tracking_number_count", _PACKAGE_COUNT),
        reference("shippingaddress"),
        reference("incoterm"),
        flag("printedpickingticket"),
        date("shipdate"),
        date("actualshipdate"),
    ),
).plus(_SHIPPING_ADDRESS)
