"""The one `item` table: every item type is a row with its own `itemtype`."""

from netsuite_pipeline.sandbox.catalogue.model import table

ITEM = table(
    "item",
    title="itemid",
    references={
        "parent": "item",
        "department": "department",
        "class": "classification",
        "location": "location",
        "preferredlocation": "location",
    },
    integer="""id incomeaccount expenseaccount assetaccount intercoincomeaccount intercoexpenseaccount
        gainlossaccount deferralaccount deferredrevenueaccount dropshipexpenseaccount scrapacct wipacct
        billexchratevarianceacct billpricevarianceacct billqtyvarianceacct prodpricevarianceacct
        prodqtyvarianceacct purchasepricevarianceacct unbuildvarianceaccount vendreturnvarianceaccount
        wipvarianceacct revreclassfxaccount intercodefrevaccount unitstype purchaseunit saleunit stockunit
        consumptionunit weightunit billingschedule pricinggroup projecttemplate revenuerecognitionrule
        revrecforecastrule revenueallocationgroup itemrevenuecategory amortizationtemplate
        expenseamortizationrule quantitypricingschedule leadtime demandtimefence supplytimefence
        rescheduleindays rescheduleoutdays forwardconsumptiondays backwardconsumptiondays
        storedisplayimage storedisplaythumbnail""",
    decimal="""averagecost cost costestimate lastpurchaseprice totalvalue weight reorderpoint
        preferredstocklevel safetystocklevel handlingcost shippingcost transferprice fxcost
        maximumquantity minimumquantity fixedlotsize residual quantityavailable quantitybackordered
        quantitycommitted quantityonhand quantityonorder totalquantityonhand purchaseorderamount
        purchaseorderquantity purchaseorderquantitydiff receiptamount receiptquantity receiptquantitydiff
        vsoeprice periodiclotsizedays seasonaldemand demandmodifier buildtime amortizationperiod""",
    text="""alternatedemandsourceitem froogleproductfeed nextagcategory nextagproductfeed shippackage
        shoppingdotcomcategory shoppingproductfeed shopzillacategoryid shopzillaproductfeed yahooproductfeed
        itemid fullname displayname description externalid itemtype subtype subsidiary mpn upccode
        vendorname costingmethod costingmethoddisplay countryofmanufacture costestimatetype manufacturer
        purchasedescription salesdescription stockdescription storedisplayname storedescription searchkeywords
        relateditemsdescription atpmethod matrixtype matrixitemnametemplate supplyreplenishmentmethod
        supplylotsizingmethod supplytype demandsource overallquantitypricingtype projectexpensetype
        sitemappriority weightunits effectivebomcontrol createrevenueplanson createexpenseplanson
        vsoesopgroup periodiclotsizetype""",
    flag="""isonline isfulfillable isserialitem islotitem isinactive isdropshipitem isspecialorderitem
        isspecialworkorderitem isphantom usebins matchbilltoreceipt includechildren shipindividually
        copydescription printitems directrevenueposting excludefromsitemap generateaccruals createjob
        buildentireassembly autoexpandkitforrevenuemgmt enforceminqtyinternally roundupascomponent
        usecomponentyield usemarginalrates deferrevrec vsoedelivered vsoepermitdiscount""",
    datetime="createddate lastmodifieddate",
)
