"""Charge-based billing: charges and their types.

No source confirms a `chargetype` table, so an account lacks it unless it is switched on; charge.chargetype
holds ids and BUILTIN.DF shows their names.
"""

from netsuite_pipeline.sandbox.catalogue.model import table

# Columns after CData's page of SuiteQL's charge; `lastmodifieddate` is what gupy's client reads.
CHARGE = table(
    "charge",
    title="description",
    references={
        "billingitem": "item",
        "billto": "entity",
        "chargetype": "chargetype",
        "class": "classification",
        "creditmemo": "transaction",
        "currency": "currency",
        "department": "department",
        "invoice": "transaction",
        "location": "location",
        "salesorder": "transaction",
        "subsidiary": "subsidiary",
        "transaction": "transaction",
    },
    integer="""id billingschedule creditmemoline grouporder invoiceline invoiceln projecttask rule runid
        salesorderline timerecord transactionline""",
    decimal="amount quantity rate",
    text="billingmode description externalid memo stage use",
    date="billdate chargedate serviceenddate servicestartdate",
    datetime="createddate lastmodifieddate",
)

CHARGE_TYPE = table(
    "chargetype", modified=None, integer="id", text="name", flag="applytocustomer applytoproject isinactive"
)
