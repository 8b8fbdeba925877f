"""Declarations of items. All write the one `items` table; each item is imported by exactly one of them.

A subtype with an asset of its own is a line in SUBTYPES and in the list at the end; `item` takes every other code,
so adding a subtype moves its rows and never doubles or drops one. Long marketing texts are left out: Oracle advises
against selecting them.
"""

from netsuite_pipeline.record_types.ids import IDS
from netsuite_pipeline.record_types.model import (
    Field,
    RecordType,
    Source,
    decimal,
    flag,
    moment,
    quotient,
    reference,
    text,
)

# Record type -> NetSuite's item type code (its itemtype table lists the codes).
SUBTYPES = {
    "inventory_item": "InvtPart",
    "non_inventory_item": "NonInvtPart",
    "service_item": "Service",
    "description_item": "Description",
    "subtotal_item": "Subtotal",
    "markup_item": "Markup",
    "other_charge_item": "OthCharge",
    "discount_item": "Discount",
}

_FIELDS = (
    text("itemid", 255),
    text("fullname", 1000),
    text("displayname", 255),
    text("externalid", 255),
    text("itemtype", 32),
    # Sale, Purchase or Resale.
    text("subtype", 32),
    text("description", None),
    text("purchasedescription", None),
    text("stockdescription", 255),
    # Comma-joined ids, not one reference.
    text("subsidiary", None),
    text("mpn", 255),
    text("manufacturer", 255),
    text("upccode", 255),
    text("vendorname", 255),
    text("costingmethod", 32),
    text("costingmethoddisplay", 64),
    text("costestimatetype", 32),
    text("overallquantitypricingtype", 32),
    text("createrevenueplanson", 32),
    text("weightunits", 32),
    text("countryofmanufacture", 64),
    reference("parent", "items"),
    reference("department"),
    reference("class"),
    reference("location", "location"),
    reference("preferredlocation", "location"),
    reference("incomeaccount"),
    reference("expenseaccount"),
    reference("assetaccount"),
    reference("deferralaccount"),
    reference("deferredrevenueaccount"),
    reference("gainlossaccount"),
    reference("intercoincomeaccount"),
    reference("intercoexpenseaccount"),
    reference("unitstype"),
    reference("saleunit"),
    reference("purchaseunit"),
    reference("stockunit"),
    reference("weightunit"),
    reference("pricinggroup"),
    reference("quantitypricingschedule"),
    reference("revenuerecognitionrule"),
    reference("itemrevenuecategory"),
    decimal("cost"),
    quotient("averagecost"),
    quotient("costestimate"),
    quotient("lastpurchaseprice"),
    quotient("totalvalue"),
    quotient("quantityonhand"),
    quotient("quantityavailable"),
    quotient("quantitycommitted"),
    quotient("quantityonorder"),
    quotient("quantitybackordered"),
    quotient("weight"),
    quotient("minimumquantity"),
    quotient("maximumquantity"),
    quotient("reorderpoint"),
    quotient("preferredstocklevel"),
    quotient("safetystocklevel"),
    decimal("handlingcost"),
    decimal("shippingcost"),
    flag("isinactive"),
    flag("isonline"),
    flag("isfulfillable"),
    flag("isserialitem"),
    flag("islotitem"),
    flag("isdropshipitem"),
    flag("isspecialorderitem"),
    flag("includechildren"),
    flag("generateaccruals"),
    flag("matchbilltoreceipt"),
    flag("shipindividually"),
    flag("printitems"),
    flag("copydescription"),
    flag("deferrevrec"),
    flag("directrevenueposting"),
    flag("enforceminqtyinternally"),
    flag("usemarginalrates"),
    flag("usecomponentyield"),
    flag("autoexpandkitforrevenuemgmt"),
    flag("vsoedelivered"),
    flag("usebins"),
    moment("createddate"),
    moment("lastmodifieddate"),
)


def _items(name: str, *, where: str, fields: tuple[Field, ...] = ()) -> RecordType:
    return RecordType(
        name=name,
        id=IDS[name],
        table="items",
        source=Source(table="item", where=where),
        depends_on=("subsidiary", "location"),
        fields=_FIELDS + fields,
    )


def _subtype(name: str, *fields: Field) -> RecordType:
    return _items(name, where=f"item.itemtype = '{SUBTYPES[name]}'", fields=fields)


INVENTORY_ITEM = _subtype("inventory_item")
NON_INVENTORY_ITEM = _subtype("non_inventory_item")
SERVICE_ITEM = _subtype("service_item")
DESCRIPTION_ITEM = _subtype("description_item")
SUBTOTAL_ITEM = _subtype("subtotal_item")
MARKUP_ITEM = _subtype("markup_item")
# What an other charge is called is its item id; consumers of the table look for it in `title`.
OTHER_CHARGE_ITEM = _subtype("other_charge_item", text("title", 255, "itemid"))
DISCOUNT_ITEM = _subtype("discount_item")

_CODES = ", ".join(f"'{code}'" for code in SUBTYPES.values())

# NOT IN alone would drop an item without a type, in silence.
ITEM = _items("item", where=f"(item.itemtype IS NULL OR item.itemtype NOT IN ({_CODES}))")

ITEM_TYPES = (
    INVENTORY_ITEM,
    NON_INVENTORY_ITEM,
    SERVICE_ITEM,
    DESCRIPTION_ITEM,
    SUBTOTAL_ITEM,
    MARKUP_ITEM,
    OTHER_CHARGE_ITEM,
    DISCOUNT_ITEM,
    ITEM,
)
