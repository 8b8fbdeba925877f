"""Declarations of transactions and their lines.

NetSuite has one `transaction` table filtered by type; subsidiary, location, department and class are not on
the header but on its main line. Lines are keyed by (transaction, id): `id` starts again in each transaction.
"""

from netsuite_pipeline.record_types.model import (
    Field,
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    reference,
    text,
)

# Record type -> transaction.type. Lines are imported for exactly these.
TYPE_CODES = {"opportunity": "Opprtnty", "sales_order": "SalesOrd"}

_MAIN_LINE = "LEFT JOIN transactionline mainline ON mainline.transaction = transaction.id AND mainline.mainline = 'T'"


def _header(
    name: str, *, record_type_id: int, table: str, depends_on: tuple[str, ...], fields: tuple[Field, ...]
) -> RecordType:
    shared = (
        text("tranid", 255),
        text("transactionnumber", 255),
        text("externalid", 255),
        text("memo", 4000),
        # One letter whose meaning depends on the type, e.g. B is 'Pending Fulfillment' on a sales order.
        text("status", 32),
        reference("entity", "customer"),
        reference("employee"),
        reference("currency"),
        decimal("exchangerate"),
        decimal("foreigntotal"),
        reference("mainline.subsidiary", "subsidiary"),
        reference("mainline.location", "location"),
        reference("mainline.department"),
        reference("mainline.class"),
        date("trandate"),
        date("closedate"),
        moment("createddate"),
        moment("lastmodifieddate"),
    )
    return RecordType(
        name=name,
        id=record_type_id,
        table=table,
        source=Source(table="transaction", join=_MAIN_LINE, where=f"transaction.type = '{TYPE_CODES[name]}'"),
        depends_on=depends_on,
        fields=shared + fields,
    )


OPPORTUNITY = _header(
    "opportunity",
    record_type_id=-31,
    table="opportunities",
    depends_on=("customer", "subsidiary", "location"),
    fields=(
        text("title", 255),
        decimal("probability"),
        decimal("projectedtotal"),
        decimal("weightedtotal"),
        reference("entitystatus"),
        reference("leadsource"),
        date("expectedclosedate"),
    ),
)

SALES_ORDER = _header(
    "sales_order",
    record_type_id=-19,
    table="sales_orders",
    depends_on=("customer", "subsidiary", "location", "opportunity", "transaction_line"),
    fields=(
        text("otherrefnum", 255),
        reference("terms"),
        reference("opportunity", "opportunity"),
        decimal("estgrossprofit"),
        decimal("totalcostestimate"),
        date("shipdate"),
        date("startdate"),
        date("enddate"),
        flag("shipcomplete"),
        flag("voided"),
    ),
)

_LINE_TYPES = ", ".join(f"'{code}'" for code in TYPE_CODES.values())

TRANSACTION_LINE = RecordType(
    name="transaction_line",
    id=-1020,
    table="transaction_lines",
    source=Source(
        table="transactionline",
        join="INNER JOIN transaction ON transaction.id = transactionline.transaction",
        where=f"transaction.type IN ({_LINE_TYPES})",
        modified="linelastmodifieddate",
    ),
    key=(
        integer("transaction_id", "transactionline.transaction", nullable=False),
        integer("refid", "transactionline.id", nullable=False),
    ),
    depends_on=("subsidiary", "location", "price_level", "item", "inventory_item"),
    fields=(
        integer("uniquekey"),
        integer("linesequencenumber"),
        flag("mainline"),
        flag("taxline"),
        flag("iscogs"),
        flag("isclosed"),
        flag("isbillable"),
        flag("isfullyshipped"),
        text("itemtype", 32),
        text("memo", 4000),
        reference("item"),
        reference("entity"),
        reference("subsidiary", "subsidiary"),
        reference("location", "location"),
        reference("department"),
        reference("class"),
        reference("expenseaccount"),
        reference("price", "price_level"),
        reference("createdfrom"),
        # Sales-side quantities and amounts are negative in NetSuite, and stay so.
        decimal("quantity"),
        decimal("quantitybilled"),
        decimal("quantityshiprecv"),
        decimal("rate"),
        decimal("netamount"),
        decimal("foreignamount"),
        decimal("costestimate"),
        date("expectedshipdate"),
        moment("linecreateddate"),
        moment("linelastmodifieddate"),
    ),
)
