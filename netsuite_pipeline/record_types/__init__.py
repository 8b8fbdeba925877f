"""WHAT is imported: one declaration per record type, and the catalog of all of them.

To add a type, declare it beside its kin and list it in CATALOG; nothing else has to be touched.
"""

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.entities import CUSTOMER, EMPLOYEE, VENDOR
from netsuite_pipeline.record_types.items import ITEM_TYPES
from netsuite_pipeline.record_types.lines import TRANSACTION_LINE
from netsuite_pipeline.record_types.organisation import LOCATION, PRICE_LEVEL, SUBSIDIARY
from netsuite_pipeline.record_types.projects import CHARGE, CHARGE_TYPE, PROJECT
from netsuite_pipeline.record_types.transactions import INVOICE, ITEM_FULFILLMENT, OPPORTUNITY, SALES_ORDER

CATALOG = Catalog(
    (
        SUBSIDIARY,
        LOCATION,
        PRICE_LEVEL,
        CHARGE_TYPE,
        CUSTOMER,
        VENDOR,
        EMPLOYEE,
        *ITEM_TYPES,
        PROJECT,
        OPPORTUNITY,
        TRANSACTION_LINE,
        ITEM_FULFILLMENT,
        SALES_ORDER,
        INVOICE,
        CHARGE,
    )
)
