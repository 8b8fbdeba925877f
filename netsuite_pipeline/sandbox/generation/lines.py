"""The `transactionline` rows of planned documents.

Sales-side quantities and amounts are negative, the main line holds the total with the other sign, and the
lines of a transaction add up to zero in its currency; goods that are shipped carry a pair of cost lines.
"""

import random as randomness
from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.code_lists import CHARGE_TYPES
from netsuite_pipeline.sandbox.generation.dirt import HUGE_NUMBER, YEAR_19_DATE, remark, spoil, unloadable_positions
from netsuite_pipeline.sandbox.generation.documents import Detail, Document
from netsuite_pipeline.sandbox.generation.headers import changed_at
from netsuite_pipeline.sandbox.generation.items import FULFILLABLE
from netsuite_pipeline.sandbox.generation.rows import Rows, cents, day, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.world import TAX_ITEM, World

_FIRST_KEY = 700
_COLUMNS = (
    "transaction", "id", "uniquekey", "linesequencenumber", "mainline", "taxline", "iscogs", "isclosed",
    "isbillable", "isfullyshipped", "isinventoryaffecting", "donotdisplayline", "transactiondiscount",
    "fulfillable", "kitcomponent", "assemblycomponent", "dropship", "specialorder", "eliminate", "cleared",
    "itemtype", "accountinglinetype", "transactionlinetype", "memo", "item", "entity", "subsidiary", "location",
    "department", "class", "expenseaccount", "price", "units", "createdfrom", "chargetype", "quantity",
    "quantitybilled", "quantityshiprecv", "quantitycommitted", "quantitypicked", "quantitypacked", "rate",
    "ratepercent", "rateamount", "netamount", "foreignamount", "debitforeignamount", "creditforeignamount",
    "costestimate", "costestimatetype", "estgrossprofit", "expectedshipdate", "actualshipdate", "billeddate",
    "closedate", "linecreateddate", "linelastmodifieddate",
)  # fmt: skip
_MAIN_ACCOUNTS = {"SalesOrd": 119, "CustInvc": 119, "PurchOrd": 111, "CustPymt": 119, "Journal": 3}
_CHARGE_TYPE_IDS = tuple(identifier for identifier, _ in CHARGE_TYPES[:-1])
_Record = dict[str, object]


def line_table(seed: int, world: World, documents: Sequence[Document]) -> Rows:
    """The lines of all documents, main line first; a few hold a value that no warehouse column can take."""
    return Rows.of("transactionline", _lines(generator_for(seed, "transactionline"), world, documents), _COLUMNS)


def _lines(random: randomness.Random, world: World, documents: Sequence[Document]) -> Iterator[_Record]:
    unloadable = unloadable_positions(sum(1 + len(document.details) for document in documents))
    key = 0
    for document in documents:
        for number, record in enumerate(_of_document(random, world, document)):
            record["id"] = record["linesequencenumber"] = number
            record["uniquekey"] = _FIRST_KEY + key
            spoil(record, unloadable.get(key), ("expectedshipdate", YEAR_19_DATE), ("rate", HUGE_NUMBER))
            yield record
            key += 1


def _of_document(random: randomness.Random, world: World, document: Document) -> Iterator[_Record]:
    base = _base(document)
    yield base | _main(document)
    for detail in document.details:
        line = base | _item(random, world, document, detail)
        goods = detail.code in FULFILLABLE and detail.amount is not None
        if document.code == "ItemShip":
            yield line
            yield base | _cost(document, detail, sign=1)
            continue
        yield line
        if goods and document.code == "CustInvc" and document.source is None:
            # Sold without an order: the invoice itself moves the stock.
            yield base | _cost(document, detail, sign=1)
            yield base | _cost(document, detail, sign=-1)
    if document.tax:
        yield base | _tax(document)


def _base(document: Document) -> _Record:
    """What every line of a document has."""
    return {
        "transaction": document.identifier,
        **dict.fromkeys(
            (
                "mainline", "taxline", "iscogs", "isclosed", "isbillable", "isfullyshipped", "isinventoryaffecting",
                "donotdisplayline", "transactiondiscount", "fulfillable", "kitcomponent", "assemblycomponent",
                "dropship", "specialorder", "eliminate", "cleared",
            ),
            "F",
        ),
        "entity": document.entity,
        "subsidiary": document.subsidiary,
        "department": document.department,
        "createdfrom": document.source.identifier if document.source else None,
        "linecreateddate": moment(document.created, 30_000),
        "linelastmodifieddate": changed_at(document),
    }  # fmt: skip


def _money(document: Document, amount: int | None) -> _Record:
    if amount is None:
        return {}
    return {
        "foreignamount": cents(amount),
        "netamount": cents(round(amount * document.rate / 10**8)),
        "debitforeignamount": cents(amount) if amount > 0 else None,
        "creditforeignamount": cents(-amount) if amount < 0 else None,
    }


def _main(document: Document) -> _Record:
    return {
        "mainline": "T",
        "location": document.location,
        "class": document.identifier % 3 + 1 if document.identifier % 4 == 0 else None,
        "expenseaccount": _MAIN_ACCOUNTS.get(document.code),
        "accountinglinetype": "ACCOUNTSRECEIVABLE" if document.code == "CustInvc" else None,
        **_money(document, document.total),
    }


def _item(random: randomness.Random, world: World, document: Document, detail: Detail) -> _Record:
    chance = random.random
    record: _Record = {
        "memo": remark(random, 1.0 if detail.code == "Description" else 0.2, 0.3),
        "location": document.location,
        "isclosed": flag(document.letter in "CH" and document.code == "SalesOrd"),
    }
    if detail.item == 0:
        # The other side of a payment or journal.
        return record | {"expenseaccount": 6} | _money(document, -(detail.amount or 0))
    record |= {
        "item": detail.item,
        "itemtype": detail.code,
        "expenseaccount": 54,
        "class": int(chance() * 3) + 1 if chance() < 0.3 else None,
        "transactiondiscount": flag(detail.code == "Discount"),
        "ratepercent": "-10" if detail.code == "Discount" else None,
    }
    if detail.quantity is not None:
        record |= _quantities(random, world, document, detail)
    if document.code == "ItemShip":
        return record | _cost(document, detail, sign=-1) | {"iscogs": "F", "accountinglinetype": "ASSET"}
    # Lines written before 2013 have no dates of their own; a few survive in every account.
    if chance() < 0.01:
        record |= {"linecreateddate": None, "linelastmodifieddate": None}
    return record | _money(document, None if detail.amount is None else -detail.amount)


def _quantities(random: randomness.Random, world: World, document: Document, detail: Detail) -> _Record:
    chance, quantity, order = random.random, detail.quantity or 0, document.code == "SalesOrd"
    value = abs(detail.amount or 0)
    goods = detail.code in FULFILLABLE
    return {
        "quantity": str(quantity if document.code == "PurchOrd" else -quantity),
        "quantitybilled": str(detail.billed) if order else "0",
        "quantityshiprecv": str(detail.shipped) if order else "0",
        "quantitycommitted": str(quantity - detail.shipped) if order and goods else "0",
        "quantitypicked": str(detail.shipped) if order else "0",
        "quantitypacked": str(detail.shipped) if order else "0",
        "isfullyshipped": flag(order and goods and detail.shipped >= quantity),
        "isinventoryaffecting": flag(goods and document.code == "ItemShip"),
        "fulfillable": flag(goods),
        "isbillable": flag(chance() < 0.02),
        # -1 is NetSuite's own id of a custom price; it is no price level.
        "price": random.choice((*world.price_levels, -1)) if world.price_levels else None,
        "units": 1 if chance() < 0.5 else None,
        "rate": cents(detail.price),
        "rateamount": cents(detail.price),
        "billeddate": day(document.created + 20) if detail.billed else None,
        "costestimate": cents(value * 3 // 5),
        "costestimatetype": "ITEMDEFINED",
        "estgrossprofit": cents(value - value * 3 // 5),
        "chargetype": random.choice(_CHARGE_TYPE_IDS)
        if detail.code == "Service" and document.code == "CustInvc" and chance() < 0.2
        else None,
        "expectedshipdate": day(document.created + 5) if order else None,
        "actualshipdate": day(document.created + 2) if document.code == "ItemShip" else None,
        "closedate": day(document.created + 40) if order and document.letter in "GH" else None,
    }


def _cost(document: Document, detail: Detail, *, sign: int) -> _Record:
    """Cost of goods sold (positive) or what leaves the stock's account (negative)."""
    return {
        "iscogs": "T",
        "item": detail.item,
        "itemtype": detail.code,
        "location": document.location,
        "expenseaccount": 58 if sign > 0 else 121,
        "accountinglinetype": "COGS" if sign > 0 else "ASSET",
        "isinventoryaffecting": "T",
        **_money(document, sign * ((detail.amount or 0) * 3 // 5)),
    }


def _tax(document: Document) -> _Record:
    return {
        "taxline": "T",
        "itemtype": "TaxItem",
        "item": TAX_ITEM,
        "memo": "Sales Tax",
        "expenseaccount": 144,
        "accountinglinetype": "TAX",
        "transactionlinetype": "TAX",
        "rate": "10",
        "ratepercent": "10",
        **_money(document, -document.tax),
    }
