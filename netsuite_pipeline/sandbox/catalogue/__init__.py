"""Which tables and typed columns the sandbox serves: data and its lookup types, nothing else.

Names are those that public sources name for SuiteQL (Fivetran's NetSuite2 seeds, the futuri, hotglue, lumapps
and omniboost clients, CData's and Oracle's pages), and custom ones. A table lists far more columns than are ever
filled.
"""

from collections.abc import Mapping

from netsuite_pipeline.sandbox.catalogue.addresses import ADDRESSES, TRACKING_NUMBERS
from netsuite_pipeline.sandbox.catalogue.billing import CHARGE, CHARGE_TYPE
from netsuite_pipeline.sandbox.catalogue.custom import CUSTOM_TABLES, with_custom_fields
from netsuite_pipeline.sandbox.catalogue.entities import ENTITIES
from netsuite_pipeline.sandbox.catalogue.items import ITEM
from netsuite_pipeline.sandbox.catalogue.model import Column, Kind, Table
from netsuite_pipeline.sandbox.catalogue.organisation import CODE_LISTS, LOCATION, PRICE_LEVEL, SUBSIDIARY
from netsuite_pipeline.sandbox.catalogue.transactions import TRANSACTION, TRANSACTION_LINE

__all__ = ["TABLES", "Column", "Kind", "Table"]

TABLES: Mapping[str, Table] = {
    table.name: with_custom_fields(table)
    for table in (
        SUBSIDIARY,
        LOCATION,
        PRICE_LEVEL,
        *ENTITIES,
        ITEM,
        TRANSACTION,
        TRANSACTION_LINE,
        CHARGE,
        CHARGE_TYPE,
        *ADDRESSES,
        *TRACKING_NUMBERS,
        *CODE_LISTS,
        *CUSTOM_TABLES,
    )
}
