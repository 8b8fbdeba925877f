"""WHAT is imported: one declaration per record type, and the catalog of all of them.

To add a type, declare it beside its kin and list it in CATALOG; nothing else has to be touched.
"""

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.entities import CUSTOMER
from netsuite_pipeline.record_types.items import INVENTORY_ITEM, ITEM
from netsuite_pipeline.record_types.organisation import LOCATION, PRICE_LEVEL, SUBSIDIARY
from netsuite_pipeline.record_types.transactions import OPPORTUNITY, SALES_ORDER, TRANSACTION_LINE

CATALOG = Catalog(
    (
        SUBSIDIARY,
        LOCATION,
        PRICE_LEVEL,
        CUSTOMER,
        INVENTORY_ITEM,
        ITEM,
        OPPORTUNITY,
        TRANSACTION_LINE,
        SALES_ORDER,
    )
)
