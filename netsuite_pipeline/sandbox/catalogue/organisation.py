"""The company's own structure and the small code lists that other records refer to."""

from netsuite_pipeline.sandbox.catalogue.model import table

SUBSIDIARY = table(
    "subsidiary",
    references={
        "parent": "subsidiary",
        "currency": "currency",
        "representingcustomer": "customer",
        "mainaddress": "subsidiarymainaddress",
    },
    integer="id fiscalcalendar returnaddress shippingaddress representingvendor",
    decimal="""purchaseorderamount purchaseorderquantity purchaseorderquantitydiff receiptamount
        receiptquantity receiptquantitydiff""",
    text="""name fullname legalname country state dropdownstate edition email fax url federalidnumber ssnortin
        state1taxnumber tranprefix languagelocale externalid currencyname""",
    flag="isinactive iselimination glimpactlocking showsubsidiaryname",
    datetime="lastmodifieddate",
)

LOCATION = table(
    "location",
    references={"parent": "location", "mainaddress": "locationmainaddress"},
    integer="id returnaddress defaultallocationpriority locationtype",
    decimal="latitude longitude",
    text="name fullname subsidiary externalid tranprefix",
    flag="""isinactive includechildren includeinsupplyplanning makeinventoryavailable
        makeinventoryavailablestore usebins""",
    datetime="lastmodifieddate",
)

PRICE_LEVEL = table(
    "pricelevel",
    integer="id",
    decimal="discountpct",
    text="name externalid",
    flag="isinactive isonline updateexistingprices",
    datetime="lastmodifieddate",
)

CODE_LISTS = (
    table("itemtype", modified=None, integer="internalid sequence", text="id name"),
    table(
        "transactionstatus",
        key=("id", "trantype"),
        modified=None,
        integer="trancustomtype",
        text="id trantype name fullname",
    ),
    table(
        "deletedrecord",
        key=("recordid", "recordtypeid", "scriptid"),
        modified=None,
        references={"deletedby": "employee"},
        integer="recordid recordtypeid",
        text="name scriptid context type",
        flag="iscustomlist iscustomrecord iscustomtransaction",
        datetime="deleteddate",
    ),
    table(
        "currency",
        integer="id currencyprecision symbolplacement",
        decimal="exchangerate",
        text="name symbol displaysymbol",
        flag="isinactive isbasecurrency includeinfxrateupdates overridecurrencyformat",
        datetime="lastmodifieddate",
    ),
    table(
        "department",
        references={"parent": "department"},
        integer="id",
        text="name fullname externalid",
        flag="isinactive includechildren",
        datetime="lastmodifieddate",
    ),
    table(
        "classification",
        references={"parent": "classification"},
        integer="id",
        text="name fullname externalid",
        flag="isinactive includechildren",
        datetime="lastmodifieddate",
    ),
    table("jobstatus", modified=None, integer="id", text="name description", flag="isinactive"),
    table("jobtype", modified=None, integer="id", text="name externalid", flag="isinactive"),
    table("term", integer="id daysuntilnetdue", text="name", flag="isinactive", datetime="lastmodifieddate"),
    table("dual", key=(), modified=None, title="dummy", text="dummy"),
)
