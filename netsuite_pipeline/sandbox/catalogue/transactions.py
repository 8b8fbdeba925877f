"""The `transaction` table of all transaction types, and its lines."""

from netsuite_pipeline.sandbox.catalogue.model import table

TRANSACTION = table(
    "transaction",
    title="trandisplayname",
    references={
        "entity": "entity",
        "employee": "employee",
        "currency": "currency",
        "opportunity": "transaction",
        "terms": "term",
        "createdby": "employee",
        "lastmodifiedby": "employee",
        "tosubsidiary": "subsidiary",
        "reversal": "transaction",
        "intercotransaction": "transaction",
        "billingaddress": "transactionbillingaddress",
        "shippingaddress": "transactionshippingaddress",
    },
    integer="""id postingperiod nexus customform customtype entitystatus salesreadiness winlossreason
        buyingreason buyingtimeframe leadsource partner paymentmethod paymentoption
        incoterm nextapprover website daysopen daysoverduesearch""",
    decimal="""exchangerate foreigntotal foreignamountpaid foreignamountunpaid foreignpaymentamountused
        foreignpaymentamountunused estgrossprofit estgrossprofitpercent totalcostestimate altsalestotal
        netaltsalestotal fxaltsalestotal fxnetaltsalestotal estimatedbudget probability projectedtotal
        rangelow rangehigh weightedtotal onetime recurannually recurmonthly recurquarterly recurweekly""",
    text="""tranid transactionnumber trandisplayname type recordtype abbrevtype typebaseddocumentnumber
        externalid otherrefnum memo number status source journaltype title actionitem email fax message
        shipcarrier approvalstatus bulkprocsubmission createdfrommerge mergedintonewarrangements
        billingstatus fulfillmenttype intercostatus memdoc""",
    flag="""posting void voided isreversal isfinchrg ordpicked ordreceived printedpickingticket paymenthold
        firmed includeinforecast isbudgetapproved shipcomplete reversaldefer tobeemailed tobefaxed tobeprinted
        userevenuearrangement visibletocustomer memorized openingbalancetransaction intercoadj legacytax
        needsbill revision taxdetailsoverride taxpointdateoverride taxregoverride tranisvsoebundle
        accountbasednumber balsegstatus""",
    date="""trandate duedate startdate enddate shipdate actualshipdate closedate expectedclosedate
        nextbilldate reversaldate prevdate""",
    datetime="createddate createddatetime lastmodifieddate",
)

TRANSACTION_LINE = table(
    "transactionline",
    key=("transaction", "id"),
    modified="linelastmodifieddate",
    title="memo",
    references={
        "transaction": "transaction",
        "item": "item",
        "entity": "entity",
        "subsidiary": "subsidiary",
        "department": "department",
        "class": "classification",
        "location": "location",
        "price": "pricelevel",
        "createdfrom": "transaction",
        "createdpo": "transaction",
        "inventoryreportinglocation": "location",
        "chargetype": "chargetype",
    },
    integer="""id uniquekey linesequencenumber expenseaccount units kitmemberof billingschedule
        category paymentmethod revenueelement shipmethod orderpriority landedcostcategory subscription
        subscriptionline revrecschedule revcommittingtransaction revrecterminmonths amortizationsched
        transferorderitemlineid assembly assemblyunits""",
    decimal="""quantity quantityallocated quantitybilled quantityshiprecv quantitybackordered
        quantitycommitted quantitydemandallocated quantitypacked quantitypicked quantityrejected rate
        rateamount ratepercent netamount foreignamount foreignamountpaid foreignamountunpaid
        foreignpaymentamountused foreignpaymentamountunused debitforeignamount creditforeignamount
        amountlinked fxamountlinked costestimate costestimaterate estgrossprofit estgrossprofitpercent
        estimatedamount bomquantity componentyield vsoeprice fxvsoeprice amortizationresidual""",
    text="""itemtype memo documentnumber accountinglinetype transactionlinetype requestnote costestimatetype
        itemsource commitinventory acknowledgefulfillinstruction allocationalert
        billvariancestatus operationdisplaytext vsoesopgroup""",
    flag="""mainline taxline iscogs isclosed isbillable isfullyshipped isinventoryaffecting kitcomponent
        assemblycomponent donotdisplayline eliminate cleared commitmentfirm oldcommitmentfirm dropship
        specialorder hasfulfillableitems fulfillable isrevrectransaction isfxvariance iscustomglline
        transactiondiscount matchbilltoreceipt processedbyrevcommit invsoebundle blandedcost isallocation
        isscrap landedcostperline buildvariance deferrevrec needsrevenueelement vsoedelivered vsoeisestimate
        vsoepermitdiscount""",
    date="""actualshipdate expectedshipdate expectedreceiptdate billeddate closedate cleareddate
        amortizationenddate amortizstartdate revrecstartdate revrecenddate""",
    datetime="linecreateddate linelastmodifieddate",
)
