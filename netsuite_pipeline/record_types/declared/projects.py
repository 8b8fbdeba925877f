"""Declarations of projects (NetSuite calls them jobs) and of what is charged for them.

All three may be absent from an account (Projects, Charge-Based Billing). Percentages are stored as NetSuite sends
them; nothing here decides whether 0.5 or 50 is a half.
"""

from netsuite_pipeline.record_types.addresses import entity_addresses
from netsuite_pipeline.record_types.declared.items import ITEM_TYPES
from netsuite_pipeline.record_types.ids import IDS
from netsuite_pipeline.record_types.model import (
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    quotient,
    reference,
    text,
)
from netsuite_pipeline.record_types.rules import enum

# The statuses that every account begins with; it may add some of its own.
_STATUSES = {
    "Awarded": "awarded",
    "Closed": "closed",
    "In Progress": "in_progress",
    "Not Awarded": "not_awarded",
    "Pending": "pending",
}


PROJECT = RecordType(
    name="project",
    id=IDS["project"],
    table="projects",
    source=Source(table="job"),
    depends_on=("customer",),
    rules=(enum("status", _STATUSES, name="status_name"),),
    fields=(
        text("entityid", 255),
        integer("entitynumber"),
        text("entitytitle", 1000),
        text("externalid", 255),
        text("altname", 1000),
        text("companyname", 255),
        text("email", 320),
        text("phone", 64),
        text("altphone", 64),
        text("fax", 64),
        text("accountnumber", 255),
        text("jobbillingtype", 64),
        text("timeapproval", 64),
        text("emailpreference", 32),
        text("comments", None),
        # NetSuite's text for the id that follows.
        text("status", 255, "BUILTIN.DF(job.entitystatus)"),
        reference("entitystatus"),
        reference("customer", "customer"),
        # The customer, or the project above.
        reference("parent"),
        reference("currency"),
        reference("jobtype"),
        reference("jobitem", "items"),
        reference("category"),
        reference("contact"),
        reference("primarycontact"),
        reference("alternatecontact"),
        reference("projectmanager", "employee"),
        reference("billingschedule"),
        reference("revrecforecastrule"),
        reference("defaultbillingaddress"),
        reference("defaultshippingaddress"),
        decimal("jobprice"),
        integer("currencyprecision"),
        quotient("fxrate"),
        quotient("percentcomplete"),
        quotient("percenttimecomplete"),
        quotient("actualtime"),
        quotient("estimatedtime"),
        quotient("estimatedtimeoverride"),
        quotient("timeremaining"),
        quotient("estimatedcost"),
        quotient("estimatedrevenue"),
        quotient("estimatedlaborcost"),
        quotient("estimatedlaborrevenue"),
        quotient("estimatedgrossprofit"),
        quotient("estimatedgrossprofitpercent"),
        flag("allowexpenses"),
        flag("allowtime"),
        flag("allowallresourcesfortasks"),
        flag("isexempttime"),
        flag("isproductivetime"),
        flag("isutilizedtime"),
        flag("includecrmtasksintotals"),
        flag("limittimetoassignees"),
        flag("materializetime"),
        flag("forecastchargerunondemand"),
        flag("usepercentcompleteoverride"),
        flag("isinactive"),
        date("startdate"),
        date("enddate"),
        date("projectedenddate"),
        date("calculatedenddate"),
        date("lastbaselinedate"),
        moment("datecreated"),
        moment("lastmodifieddate"),
    ),
).plus(entity_addresses("job"))

# No account is known to have a table of charge types: they are what charges refer to. Hence no more columns than
# these, and only the types that are in use.
CHARGE_TYPE = RecordType(
    name="charge_type",
    id=IDS["charge_type"],
    table="chargetypes",
    source=Source(
        table="chargetype",
        view=(
            "(SELECT DISTINCT charge.chargetype AS id, BUILTIN.DF(charge.chargetype) AS name FROM charge"
            " WHERE charge.chargetype IS NOT NULL)"
        ),
        modified=None,
    ),
    fields=(text("name", 255),),
)

CHARGE = RecordType(
    name="charge",
    id=IDS["charge"],
    table="charges",
    source=Source(table="charge"),
    depends_on=("project", "charge_type", "subsidiary", "location", *(item.name for item in ITEM_TYPES)),
    fields=(
        text("description", 4000),
        text("memo", 4000),
        text("externalid", 255),
        text("billingmode", 32),
        text("stage", 32),
        text("charge_use", 32, "use"),
        text("runid", 64),
        # A project or a customer.
        reference("billto"),
        reference("chargetype", "charge_type"),
        reference("billingitem", "items"),
        reference("billingschedule"),
        reference("currency"),
        reference("subsidiary", "subsidiary"),
        reference("location", "location"),
        reference("department"),
        reference("class"),
        reference("projecttask"),
        reference("rule"),
        reference("timerecord"),
        reference("transaction"),
        reference("salesorder", "sales_order"),
        reference("invoice", "invoice"),
        reference("creditmemo"),
        # Lines of the four above, by their number there.
        integer("transactionline"),
        integer("salesorderline"),
        integer("invoiceline"),
        integer("creditmemoline"),
        integer("grouporder"),
        decimal("amount"),
        quotient("quantity"),
        quotient("rate"),
        date("chargedate"),
        date("billdate"),
        date("servicestartdate"),
        date("serviceenddate"),
        moment("createddate"),
        moment("lastmodifieddate"),
    ),
)
