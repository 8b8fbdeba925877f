"""What an account adds to NetSuite: custom fields, a custom record type, and NetSuite's lists of both.

They are those of docs/record_types.example.yaml, so that the example can be imported without an account.
"""

from dataclasses import dataclass, replace

from netsuite_pipeline.sandbox.catalogue.model import Column, Kind, Table, table

# NetSuite's names of the types of custom fields (Oracle help, "Table of Custom Field Types").
_KINDS = {
    "Check Box": Kind.FLAG,
    "Currency": Kind.DECIMAL,
    "Date": Kind.DATE,
    "Decimal Number": Kind.DECIMAL,
    "Free-Form Text": Kind.TEXT,
    "Integer Number": Kind.INTEGER,
    "List/Record": Kind.INTEGER,
    "Long Text": Kind.TEXT,
    "Text Area": Kind.TEXT,
}


@dataclass(frozen=True)
class CustomField:
    """A column that the account added to `table`; `target` is what a List/Record refers to."""

    table: str
    name: str
    label: str
    type: str
    target: str | None = None


CUSTOM_FIELDS = (
    CustomField("customer", "custentity_region", "Region", "Free-Form Text"),
    CustomField("customer", "custentity_account_manager", "Account Manager", "List/Record", "employee"),
    CustomField("customer", "custentity_credit_score", "Credit Score", "Decimal Number"),
    CustomField("customer", "custentity_is_key_account", "Key Account", "Check Box"),
    CustomField("customer", "custentity_legacy_code", "Legacy Code", "Free-Form Text"),
    CustomField("customer", "custentity_note", "Note", "Long Text"),
    CustomField("transaction", "custbody_promised", "Promised", "Date"),
    CustomField("transaction", "custbody_instructions", "Delivery Instructions", "Long Text"),
    CustomField("transactionline", "custcol_lot", "Lot", "Free-Form Text"),
    CustomField("item", "custitem_warranty_months", "Warranty (Months)", "Integer Number"),
    CustomField("customrecord_fleet", "custrecord_fleet_plate", "Plate", "Free-Form Text"),
    CustomField("customrecord_fleet", "custrecord_fleet_garage", "Garage", "List/Record", "location"),
    CustomField("customrecord_fleet", "custrecord_fleet_driver", "Driver", "List/Record", "employee"),
    CustomField("customrecord_fleet", "custrecord_fleet_bought", "Bought", "Date"),
    CustomField("customrecord_fleet", "custrecord_fleet_price", "Price", "Currency"),
    CustomField("customrecord_fleet", "custrecord_fleet_doors", "Doors", "Integer Number"),
    CustomField("customrecord_fleet", "custrecord_fleet_state", "State", "Free-Form Text"),
    CustomField("customrecord_fleet", "custrecord_fleet_notes", "Notes", "Long Text"),
    # NULL in every row.
    CustomField("customrecord_fleet", "custrecord_fleet_unused", "Unused", "Text Area"),
)

CUSTOM_TABLES = (
    table(
        "customrecord_fleet",
        modified="lastmodified",
        integer="id",
        text="name externalid",
        flag="isinactive",
        datetime="lastmodified created",
    ),
    table(
        "customfield",
        key=("internalid",),
        integer="internalid",
        text="scriptid name fieldtype fieldvaluetype",
        datetime="lastmodifieddate",
    ),
    table("customrecordtype", key=("internalid",), modified=None, integer="internalid", text="scriptid name"),
)


def with_custom_fields(known: Table) -> Table:
    """The table with the columns that the account added to it."""
    added = {
        field.name: Column(_KINDS[field.type], field.target) for field in CUSTOM_FIELDS if field.table == known.name
    }
    return replace(known, columns={**known.columns, **added})
