"""Declarations of the company's own structure: subsidiaries, locations and price levels.

Any of the three may be absent from an account (OneWorld, Multi-Location Inventory, Multiple Prices).
"""

from netsuite_pipeline.record_types.addresses import address
from netsuite_pipeline.record_types.ids import IDS
from netsuite_pipeline.record_types.model import RecordType, Source, decimal, flag, moment, quotient, reference, text

SUBSIDIARY = RecordType(
    name="subsidiary",
    id=IDS["subsidiary"],
    table="subsidiaries",
    source=Source(table="subsidiary"),
    fields=(
        text("name", 255),
        text("fullname", 1000),
        text("legalname", 255),
        text("externalid", 255),
        text("edition", 32),
        text("country", 64),
        text("state", 64),
        text("dropdownstate", 64),
        text("email", 255),
        text("fax", 64),
        text("url", 255),
        text("federalidnumber", 64),
        text("state1taxnumber", 64),
        text("tranprefix", 64),
        text("languagelocale", 32),
        reference("parent", "subsidiary"),
        reference("currency"),
        reference("fiscalcalendar"),
        reference("mainaddress"),
        reference("returnaddress"),
        reference("shippingaddress"),
        reference("representingcustomer", "customer"),
        reference("representingvendor", "vendor"),
        decimal("purchaseorderamount"),
        decimal("purchaseorderquantity"),
        decimal("purchaseorderquantitydiff"),
        decimal("receiptamount"),
        decimal("receiptquantity"),
        decimal("receiptquantitydiff"),
        flag("iselimination"),
        flag("glimpactlocking"),
        flag("showsubsidiaryname"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
).plus(address("main", "subsidiarymainaddress", of="subsidiary.mainaddress"))

LOCATION = RecordType(
    name="location",
    id=IDS["location"],
    table="locations",
    source=Source(table="location"),
    fields=(
        text("name", 255),
        text("fullname", 1000),
        text("externalid", 255),
        # NetSuite keeps a location's subsidiaries as comma-joined ids, hence text and no reference.
        text("subsidiary", None),
        text("tranprefix", 64),
        reference("parent", "location"),
        reference("locationtype"),
        reference("mainaddress"),
        reference("returnaddress"),
        quotient("latitude"),
        quotient("longitude"),
        decimal("defaultallocationpriority"),
        flag("includechildren"),
        flag("includeinsupplyplanning"),
        flag("makeinventoryavailable"),
        flag("makeinventoryavailablestore"),
        flag("usebins"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
).plus(address("main", "locationmainaddress", of="location.mainaddress"))

PRICE_LEVEL = RecordType(
    name="price_level",
    id=IDS["price_level"],
    table="price_levels",
    source=Source(table="pricelevel"),
    fields=(
        text("name", 255),
        text("externalid", 255),
        quotient("discountpct"),
        flag("isonline"),
        flag("updateexistingprices"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
)
