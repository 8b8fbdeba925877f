"""Declarations of items. All write the one `items` table; each item is imported by exactly one of them.

A subtype with an asset of its own is a line in SUBTYPES; `item` takes every other code, so adding a subtype
moves its rows and never doubles or drops one.
"""

from netsuite_pipeline.record_types.model import RecordType, Source, decimal, flag, moment, reference, text

# Record type -> NetSuite's item type code (its itemtype table lists the codes).
SUBTYPES = {"inventory_item": "InvtPart"}

_FIELDS = (
    text("itemid", 255),
    text("fullname", 1000),
    text("displayname", 255),
    text("description", None),
    text("externalid", 255),
    text("itemtype", 32),
    text("subtype", 32),
    reference("parent"),
    # Comma-joined ids, not one reference.
    text("subsidiary", 1000),
    reference("department"),
    reference("class"),
    reference("location", "location"),
    reference("incomeaccount"),
    reference("expenseaccount"),
    reference("assetaccount"),
    decimal("averagecost"),
    decimal("cost"),
    decimal("lastpurchaseprice"),
    decimal("totalvalue"),
    decimal("weight"),
    decimal("reorderpoint"),
    decimal("preferredstocklevel"),
    text("mpn", 255),
    text("upccode", 64),
    text("vendorname", 255),
    text("costingmethod", 32),
    text("countryofmanufacture", 64),
    flag("isonline"),
    flag("isfulfillable"),
    flag("isserialitem"),
    flag("islotitem"),
    flag("isinactive"),
    moment("createddate"),
    moment("lastmodifieddate"),
)


def _subtype(name: str, *, record_type_id: int) -> RecordType:
    return RecordType(
        name=name,
        id=record_type_id,
        table="items",
        source=Source(table="item", where=f"item.itemtype = '{SUBTYPES[name]}'"),
        depends_on=("subsidiary", "location"),
        fields=_FIELDS,
    )


INVENTORY_ITEM = _subtype("inventory_item", record_type_id=-1010)

_CODES = ", ".join(f"'{code}'" for code in SUBTYPES.values())

ITEM = RecordType(
    name="item",
    id=-6,
    table="items",
    # NOT IN alone would drop an item without a type, in silence.
    source=Source(table="item", where=f"(item.itemtype IS NULL OR item.itemtype NOT IN ({_CODES}))"),
    depends_on=("subsidiary", "location"),
    fields=_FIELDS,
)
