"""WHAT is imported: one declaration per record type in `declared`, and the catalog of all of them.

To add a type, declare it beside its kin, give it an id in `ids` and list it below: query, table, asset, partitions,
job and lineage follow. Types and columns of one account are declared in a YAML file instead (`custom`).
"""

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.declared.entities import CUSTOMER, EMPLOYEE, VENDOR
from netsuite_pipeline.record_types.declared.items import ITEM_TYPES
from netsuite_pipeline.record_types.declared.lines import TRANSACTION_LINE
from netsuite_pipeline.record_types.declared.organisation import LOCATION, PRICE_LEVEL, SUBSIDIARY
from netsuite_pipeline.record_types.declared.projects import CHARGE, CHARGE_TYPE, PROJECT
from netsuite_pipeline.record_types.declared.transactions import INVOICE, ITEM_FULFILLMENT, OPPORTUNITY, SALES_ORDER

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
