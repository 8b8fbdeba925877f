"""The `transaction` rows of planned documents. Subsidiary, location and department are on the main line only."""

import random as randomness
from collections import Counter
from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.addresses import transaction_addresses
from netsuite_pipeline.sandbox.generation.dirt import HUGE_NUMBER, YEAR_19_DATE, remark, spoil, unloadable_positions
from netsuite_pipeline.sandbox.generation.documents import Document
from netsuite_pipeline.sandbox.generation.rows import Rows, cents, day, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.world import World

# Type -> its record name, the prefix of its numbers, its name.
_TYPES = {
    "Opprtnty": ("opportunity", "OPP", "Opportunity"),
    "SalesOrd": ("salesorder", "SO", "Sales Order"),
    "CustInvc": ("invoice", "INV", "Invoice"),
    "ItemShip": ("itemfulfillment", "IF", "Item Fulfillment"),
    "Journal": ("journalentry", "JE", "Journal"),
    "CustPymt": ("customerpayment", "PYMT", "Payment"),
    "PurchOrd": ("purchaseorder", "PO", "Purchase Order"),
}
_POSTING = {"CustInvc", "ItemShip", "Journal", "CustPymt"}


def header_table(seed: int, world: World, documents: Sequence[Document]) -> Rows:
    """One row per document; a few of each large type hold a value that no warehouse column can take."""
    return Rows.of("transaction", _headers(generator_for(seed, "transaction"), world, documents))


def changed_at(document: Document) -> str:
    """When the document changed last. A bulk change touched thousands of rows in one second."""
    if document.identifier % 11 == 0:
        return moment(document.created // 900 * 900 + 990, 7_200)
    return moment(document.created + document.identifier % 90, document.identifier * 977 % 86_400)


def _headers(random: randomness.Random, world: World, documents: Sequence[Document]) -> Iterator[dict[str, object]]:
    totals = Counter(document.code for document in documents)
    unloadable = {code: unloadable_positions(count) for code, count in totals.items()}
    seen: Counter[str] = Counter()
    for document in documents:
        record = _shared(random, world, document) | _settings(random, document) | _own(random, document)
        number = unloadable[document.code].get(seen[document.code])
        spoil(record, number, ("trandate", YEAR_19_DATE), ("exchangerate", HUGE_NUMBER))
        seen[document.code] += 1
        yield record


def _shared(random: randomness.Random, world: World, document: Document) -> dict[str, object]:
    chance = random.random
    record_name, prefix, name = _TYPES[document.code]
    number = f"{prefix}{document.position + 10_001}"
    author = random.choice(world.employees) if world.employees else None
    billing, shipping = transaction_addresses(document)
    return {
        "id": document.identifier,
        "tranid": number,
        "transactionnumber": f"{record_name.upper()[:4]}{document.identifier}",
        "trandisplayname": f"{name} #{number}",
        "type": document.code,
        "recordtype": record_name,
        "abbrevtype": prefix,
        "externalid": f"web-{document.identifier}" if chance() < 0.1 else None,
        "memo": remark(random, 0.3),
        "number": str(document.position + 10_001),
        "status": document.letter,
        "entity": document.entity,
        "employee": author if chance() < 0.5 else None,
        "billingaddress": billing,
        "shippingaddress": shipping,
        "currency": document.currency,
        "exchangerate": f"{document.rate / 10**8:.8f}".rstrip("0").rstrip("."),
        "trandate": day(document.created),
        "createddate": moment(document.created, int(chance() * 86_400)),
        "lastmodifieddate": changed_at(document),
        "createdby": author,
        "lastmodifiedby": author if chance() < 0.7 else None,
        "foreigntotal": cents(document.total),
        "posting": flag(document.code in _POSTING and document.letter != "V"),
        "postingperiod": 100 + document.created // 30 if document.code in _POSTING else None,
    }


def _settings(random: randomness.Random, document: Document) -> dict[str, object]:
    chance = random.random
    return {
        "customform": 92,
        "nexus": 1,
        "source": "Web (Connector)" if chance() < 0.1 else None,
        "void": flag(document.letter == "V"),
        "voided": flag(document.letter == "V"),
        "isreversal": "F",
        "tobeprinted": flag(chance() < 0.1),
        "tobeemailed": flag(chance() < 0.2),
        "tobefaxed": "F",
        "visibletocustomer": "T",
        "memorized": "F",
    }


def _own(random: randomness.Random, document: Document) -> dict[str, object]:
    """The columns of its type."""
    match document.code:
        case "SalesOrd":
            return _order(random, document)
        case "CustInvc":
            return _invoice(random, document)
        case "ItemShip":
            return _fulfillment(random, document)
        case "Opprtnty":
            return _opportunity(random, document)
        case _:
            return {}


def _order(random: randomness.Random, document: Document) -> dict[str, object]:
    chance = random.random
    total, term = document.total, chance() < 0.05
    return {
        "otherrefnum": f"PO {int(chance() * 99_999)}" if chance() < 0.5 else None,
        "terms": (1, 2, 5)[int(chance() * 3)] if chance() < 0.9 else None,
        "opportunity": document.source.identifier if document.source else None,
        "shipdate": day(document.created + 4),
        "startdate": day(document.created) if term else None,
        "enddate": day(document.created + 365) if term else None,
        "closedate": day(document.created + 40) if document.letter in "GH" else None,
        "nextbilldate": day(document.created + 30) if term else None,
        "estgrossprofit": cents(total // 4),
        # A quotient: many decimals.
        "estgrossprofitpercent": f"{total // 4 * 100 / total:.6f}" if total > 0 else None,
        "totalcostestimate": cents(total - total // 4),
        "shipcomplete": flag(chance() < 0.1),
        "shipcarrier": "nonups",
        "paymenthold": flag(chance() < 0.02),
        "email": f"orders{document.entity}@example.com" if chance() < 0.4 else None,
    }


def _invoice(random: randomness.Random, document: Document) -> dict[str, object]:
    paid = document.total if document.letter == "B" else 0
    if document.letter == "A" and random.random() < 0.2:
        paid = document.total // 300 * 100
    return {
        "otherrefnum": f"PO {int(random.random() * 99_999)}" if random.random() < 0.4 else None,
        "terms": (1, 2, 5)[int(random.random() * 3)],
        "duedate": day(document.created + 30) if random.random() < 0.97 else None,
        "closedate": day(document.created + 25) if document.letter == "B" else None,
        "foreignamountpaid": cents(paid),
        "foreignamountunpaid": cents(document.total - paid),
        "daysopen": str(document.identifier % 60),
        "estgrossprofit": cents(document.total // 4),
        "totalcostestimate": cents(document.total - document.total // 4),
        "isfinchrg": "F",
        "billingstatus": flag(document.letter == "B"),
    }


def _fulfillment(random: randomness.Random, document: Document) -> dict[str, object]:
    shipped = document.letter == "C"
    return {
        "shipdate": day(document.created + 1) if shipped else None,
        "actualshipdate": day(document.created + 2) if shipped and random.random() < 0.8 else None,
        "shipcarrier": "ups" if random.random() < 0.4 else "nonups",
        "fulfillmenttype": "SHIP" if random.random() < 0.9 else "PICKUP",
        "printedpickingticket": flag(random.random() < 0.7),
        "ordpicked": "T",
    }


def _opportunity(random: randomness.Random, document: Document) -> dict[str, object]:
    # Who has not chosen items yet states a figure.
    projected = document.total or int(random.random() * 5_000) * 100
    probability = {"C": 100, "D": 0}.get(document.letter, int(random.random() * 100))
    closed = document.letter in "CD"
    return {
        "title": f"Deal {document.position}" if random.random() < 0.95 else None,
        "probability": str(probability),
        "projectedtotal": cents(projected),
        "rangelow": cents(projected * 8 // 10),
        "rangehigh": cents(projected * 12 // 10),
        "weightedtotal": cents(projected * probability // 100),
        "entitystatus": {"C": 13, "D": 14}.get(document.letter, 11),
        "leadsource": -6 if random.random() < 0.6 else None,
        "salesreadiness": 2 if random.random() < 0.2 else None,
        "winlossreason": 1 + document.identifier % 3 if closed else None,
        "expectedclosedate": day(document.created + 60),
        "closedate": day(document.created + 40) if closed else None,
        "actionitem": "Send offer" if random.random() < 0.1 else None,
        "includeinforecast": flag(random.random() < 0.7),
    }
