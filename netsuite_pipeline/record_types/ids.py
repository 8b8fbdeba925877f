"""The ids of the record types, by which the coordination tables know them. Nothing but this table.

An id is stored with every import: never change one, nor give it to another type. Ids beyond -1000 are ours; the
others are those by which NetSuite imports have always known these types.
"""

from collections.abc import Mapping

IDS: Mapping[str, int] = {
    # Main types.
    "project": -1,
    "vendor": -2,
    "customer": -3,
    "item": -6,
    "employee": -16,
    "sales_order": -19,
    "invoice": -21,
    "item_fulfillment": -53,
    # Dependencies.
    "opportunity": -31,
    "location": -103,
    "subsidiary": -117,
    "price_level": -186,
    "inventory_item": -1010,
    "non_inventory_item": -1011,
    "service_item": -1012,
    "description_item": -1013,
    "subtotal_item": -1014,
    "markup_item": -1015,
    "other_charge_item": -1016,
    "discount_item": -1017,
    "transaction_line": -1020,
    "charge": -1030,
    "charge_type": -1031,
}
