"""Transactions and their lines: opportunities, sales orders, and invoices and journals that nobody imports.

All types share one id space, as in NetSuite. Sales-side quantities and amounts of lines are negative, the
main line holds the total with the other sign, and the lines of a transaction add up to zero.
"""

import random as randomness
from collections.abc import Iterator
from dataclasses import dataclass

from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, World, cents, day, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.words import DIRTY_TEXTS, PLAIN_TEXTS

_FIRST_ID = 1_204
_RECORD_NAMES = {
    "Opprtnty": "opportunity",
    "SalesOrd": "salesorder",
    "CustInvc": "invoice",
    "Journal": "journalentry",
}
_PREFIXES = {"Opprtnty": "OPP", "SalesOrd": "SO", "CustInvc": "INV", "Journal": "JE"}
_LETTERS = {"Opprtnty": "ABCD", "SalesOrd": "ABBBCDEFGGGH", "CustInvc": "AB", "Journal": "B"}
_TAX_ITEM = -5
_HEADER_COLUMNS = (
    "id", "tranid", "transactionnumber", "trandisplayname", "type", "recordtype", "abbrevtype",
    "externalid", "otherrefnum", "memo", "number", "status", "entity", "employee", "currency",
    "exchangerate", "terms", "opportunity", "trandate", "duedate", "startdate", "enddate", "shipdate",
    "closedate", "expectedclosedate", "createddate", "lastmodifieddate", "foreigntotal", "estgrossprofit",
    "totalcostestimate", "title", "probability", "projectedtotal", "weightedtotal", "entitystatus",
    "leadsource", "posting", "void", "voided", "shipcomplete", "tobeprinted", "createdby",
)  # fmt: skip
_LINE_COLUMNS = (
    "transaction", "id", "uniquekey", "linesequencenumber", "mainline", "taxline", "iscogs", "isclosed",
    "isbillable", "isfullyshipped", "itemtype", "memo", "item", "entity", "subsidiary", "location",
    "department", "class", "expenseaccount", "price", "createdfrom", "quantity", "quantitybilled",
    "quantityshiprecv", "rate", "netamount", "foreignamount", "costestimate", "expectedshipdate",
    "donotdisplayline", "linecreateddate", "linelastmodifieddate",
)  # fmt: skip


@dataclass(frozen=True)
class _Header:
    """The parts of a transaction that its lines repeat; amounts in cents."""

    identifier: int
    code: str
    entity: int | None
    subsidiary: int | None
    location: int | None
    department: int | None
    source: int | None
    created: int
    changed: str


def transaction_tables(sizes: Sizes, seed: int, world: World) -> Iterator[Rows]:
    """The `transaction` rows, then the `transactionline` rows."""
    random = generator_for(seed, "transaction")
    codes = (
        ["Opprtnty"] * sizes.opportunities
        + ["SalesOrd"] * sizes.sales_orders
        + ["CustInvc"] * sizes.invoices
        + ["Journal"] * sizes.journals
    )
    random.shuffle(codes)
    headers: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    opportunities: list[int] = []
    identifier = _FIRST_ID
    for position, code in enumerate(codes):
        header = _header(random, world, identifier, code, position * (len(DAYS) - 90) // len(codes), opportunities)
        own_lines, total = _lines(random, world, header, first_key=len(lines) + 700)
        lines.extend(own_lines)
        headers.append(tuple(_header_values(random, header, position, total)))
        if code == "Opprtnty":
            opportunities.append(identifier)
        identifier += random.randrange(2, 40) if random.random() < 0.05 else 1
    yield Rows("transaction", _HEADER_COLUMNS, headers)
    yield Rows("transactionline", _LINE_COLUMNS, lines)


def _header(
    random: randomness.Random,
    world: World,
    identifier: int,
    code: str,
    created: int,
    opportunities: list[int],
) -> _Header:
    changed = created + int(random.random() * 90)
    return _Header(
        identifier,
        code,
        entity=random.choice(world.customers) if world.customers and code != "Journal" else None,
        subsidiary=random.choice(world.subsidiaries) if world.subsidiaries else None,
        location=random.choice(world.locations) if world.locations and random.random() < 0.9 else None,
        department=int(random.random() * 3) + 1 if random.random() < 0.5 else None,
        source=random.choice(opportunities) if opportunities and code == "SalesOrd" and random.random() < 0.4 else None,
        created=created,
        changed=moment(changed, int(random.random() * 86_400)),
    )


def _header_values(random: randomness.Random, header: _Header, position: int, total: int) -> Iterator[object]:
    chance = random.random
    code, created = header.code, header.created
    is_order, is_opportunity = code == "SalesOrd", code == "Opprtnty"
    number = f"{_PREFIXES[code]}{position + 10_001}"
    letter = random.choice(_LETTERS[code])
    closed = letter in "GH" if is_order else letter in "CD" and is_opportunity
    yield from (header.identifier, number, f"{_RECORD_NAMES[code].upper()[:4]}{header.identifier}")
    yield from (f"{_RECORD_NAMES[code].title()} #{number}", code, _RECORD_NAMES[code], _PREFIXES[code])
    yield f"web-{header.identifier}" if chance() < 0.1 else None
    yield f"PO {int(chance() * 99_999)}" if is_order and chance() < 0.5 else None
    yield random.choice(DIRTY_TEXTS if chance() < 0.4 else PLAIN_TEXTS) if chance() < 0.3 else None
    yield from (str(position + 10_001), letter, header.entity)
    yield 3 if chance() < 0.3 else None
    yield from ((1, 2, 4)[int(chance() * 3)], "1" if chance() < 0.7 else f"{0.8 + chance():.8f}")
    yield from ((1, 2, 5)[int(chance() * 3)] if is_order else None, header.source)
    yield from (day(created), day(created + 30) if code == "CustInvc" else None)
    yield day(created) if is_order and chance() < 0.05 else None
    yield day(created + 365) if is_order and chance() < 0.05 else None
    yield day(created + 4) if is_order else None
    yield day(created + 40) if closed else None
    yield day(created + 60) if is_opportunity else None
    yield from (moment(created, int(chance() * 86_400)), header.changed, cents(total))
    yield from (cents(total // 4), cents(total - total // 4)) if is_order else (None, None)
    probability = int(chance() * 100)
    yield from (
        ("Deal " + number, str(probability), cents(total), cents(total * probability // 100), 11, -6)
        if (is_opportunity)
        else (None,) * 6
    )
    yield from ("T" if code in {"CustInvc", "Journal"} else "F", "F", "T" if chance() < 0.005 else "F")
    yield from ("T" if chance() < 0.1 else "F", "F", 3)


def _lines(
    random: randomness.Random, world: World, header: _Header, *, first_key: int
) -> tuple[list[tuple[object, ...]], int]:
    """The lines of one transaction, main line first, and its total in cents."""
    items = _item_count(random, header.code) if world.items else 0
    details: list[tuple[int, str, int, int]] = []
    for _ in range(items):
        item, code, price = random.choice(world.items)
        details.append((item, code, int(random.random() * 9) + 1, int(price)))
    net = sum(quantity * price for _, _, quantity, price in details)
    tax = net // 10 if header.code in {"SalesOrd", "CustInvc"} and random.random() < 0.25 else 0
    total = net + tax if details else int(random.random() * 500_000)
    rows = [_main_line(header, first_key, total)]
    for offset, detail in enumerate(details, 1):
        rows.append(_item_line(random, world, header, first_key + offset, offset, detail))
    if tax:
        rows.append(_tax_line(header, first_key + len(rows), len(rows), tax))
    return rows, total


def _item_count(random: randomness.Random, code: str) -> int:
    if code == "Opprtnty":
        return 1 if random.random() < 0.3 else 0
    if code == "Journal":
        return 0
    return 2 if random.random() < 0.12 else 1


def _main_line(header: _Header, key: int, total: int) -> tuple[object, ...]:
    return (
        header.identifier, 0, key, 0, "T", "F", "F", "F", "F", "F", None, None, None, header.entity,
        header.subsidiary, header.location, header.department, None, 119, None, header.source, None, None,
        None, None, cents(total), cents(total), None, None, "F", moment(header.created, 30_000),
        header.changed,
    )  # fmt: skip


def _item_line(
    random: randomness.Random,
    world: World,
    header: _Header,
    key: int,
    number: int,
    detail: tuple[int, str, int, int],
) -> tuple[object, ...]:
    item, code, quantity, price = detail
    chance = random.random
    amount = -quantity * price
    shipped = quantity if chance() < 0.5 else 0
    memo = random.choice(DIRTY_TEXTS if chance() < 0.3 else PLAIN_TEXTS) if chance() < 0.2 else None
    # Lines written before 2013 have no dates of their own; a few survive in every account.
    dated = chance() >= 0.01
    level = random.choice((*world.price_levels, -1)) if world.price_levels else None
    return (
        header.identifier, number, key, number, "F", "F", "F", "T" if chance() < 0.05 else "F", "F",
        "T" if shipped else "F", code, memo, item, header.entity, header.subsidiary, header.location,
        header.department, int(chance() * 3) + 1 if chance() < 0.3 else None, 54, level, header.source,
        str(-quantity), "0", str(shipped), cents(price), cents(amount), cents(amount),
        cents(-amount * 3 // 5), day(header.created + 5), "F",
        moment(header.created, 30_000) if dated else None, header.changed if dated else None,
    )  # fmt: skip


def _tax_line(header: _Header, key: int, number: int, tax: int) -> tuple[object, ...]:
    return (
        header.identifier, number, key, number, "F", "T", "F", "F", "F", "F", "TaxItem", "Sales Tax",
        _TAX_ITEM, header.entity, header.subsidiary, None, None, None, 144, None, None, None, None, None,
        "10", cents(-tax), cents(-tax), None, None, "F", moment(header.created, 30_000), header.changed,
    )  # fmt: skip
