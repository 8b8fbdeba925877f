"""Declarations of the company's own structure: subsidiaries, locations and price levels.

Columns after the field research of NetSuite's subsidiary, location and pricelevel tables; any of the
three may be absent from an account (OneWorld, Multi-Location Inventory, Multiple Prices).
"""

from netsuite_pipeline.record_types.model import RecordType, Source, decimal, flag, moment, reference, text

SUBSIDIARY = RecordType(
    name="subsidiary",
    id=-117,
    table="subsidiaries",
    source=Source(table="subsidiary"),
    fields=(
        text("name", 255),
        text("fullname", 1000),
        text("legalname", 255),
        reference("parent", "subsidiary"),
        reference("currency"),
        text("country", 64),
        text("state", 64),
        text("email", 255),
        text("url", 255),
        text("languagelocale", 32),
        flag("iselimination"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
)

LOCATION = RecordType(
    name="location",
    id=-103,
    table="locations",
    source=Source(table="location"),
    fields=(
        text("name", 255),
        text("fullname", 1000),
        reference("parent", "location"),
        # NetSuite keeps a location's subsidiaries as comma-joined ids, hence text and no reference.
        text("subsidiary", 1000),
        text("tranprefix", 64),
        decimal("latitude", precision=18, scale=12),
        decimal("longitude", precision=18, scale=12),
        reference("mainaddress"),
        flag("makeinventoryavailable"),
        flag("usebins"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
)

PRICE_LEVEL = RecordType(
    name="price_level",
    id=-186,
    table="price_levels",
    source=Source(table="pricelevel"),
    fields=(
        text("name", 255),
        decimal("discountpct"),
        flag("isonline"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
)
