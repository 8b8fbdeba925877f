"""Which transactions exist, what is on them and who refers to whom, before any row is made.

Invoices and fulfillments come from sales orders that came before them, so an order's status and the billed
and shipped quantities of its lines follow from what happened to it.
"""

import random as randomness
from dataclasses import dataclass, field

from netsuite_pipeline.sandbox.generation.code_lists import YEN
from netsuite_pipeline.sandbox.generation.items import FULFILLABLE
from netsuite_pipeline.sandbox.generation.rows import DAYS, generator_for
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.world import DESCRIPTION_ITEM, DISCOUNT_ITEM, World

_FIRST_ID = 1_204
# Who bills or ships takes one of the latest orders.
_RECENT = 200
# Currency -> its rate to the base currency in hundred-millionths.
_RATES = {1: 100_000_000, 2: 127_000_000, 4: 108_000_000, YEN: 670_000}
_OTHER_TYPES = ("Journal", "CustPymt", "PurchOrd")


@dataclass
class Detail:
    """One item of a transaction; `amount` in cents of its currency, NULL on a line of text."""

    item: int
    code: str
    quantity: int | None
    price: int
    amount: int | None
    shipped: int = 0
    billed: int = 0


@dataclass
class Document:
    """One transaction. `source` is the order it was made from, or an order's opportunity."""

    identifier: int
    code: str
    position: int
    created: int
    entity: int | None = None
    currency: int = 1
    rate: int = _RATES[1]
    subsidiary: int | None = None
    location: int | None = None
    department: int | None = None
    source: "Document | None" = None
    details: list[Detail] = field(default_factory=list)
    tax: int = 0
    letter: str = "A"

    @property
    def total(self) -> int:
        """What the main line holds, in cents; a fulfillment moves stock and has none."""
        if self.code == "ItemShip":
            return 0
        return sum(detail.amount or 0 for detail in self.details) + self.tax


def plan_documents(sizes: Sizes, seed: int, world: World) -> list[Document]:
    """All transactions in the order of their ids and days."""
    random = generator_for(seed, "documents")
    codes = (
        ["Opprtnty"] * sizes.opportunities
        + ["SalesOrd"] * sizes.sales_orders
        + ["CustInvc"] * sizes.invoices
        + ["ItemShip"] * sizes.fulfillments
        + [_OTHER_TYPES[index % len(_OTHER_TYPES)] for index in range(sizes.other_transactions)]
    )
    random.shuffle(codes)
    planner = _Planner(random, world)
    identifier = _FIRST_ID
    documents = []
    for position, code in enumerate(codes):
        created = position * (len(DAYS) - 90) // len(codes)
        documents.append(planner.document(identifier, code, position, created))
        identifier += random.randrange(2, 40) if random.random() < 0.05 else 1
    for document in documents:
        if document.code == "SalesOrd" and document.letter == "B":
            document.letter = _order_status(document)
    return documents


class _Planner:
    """Remembers what can still be billed, shipped or ordered."""

    def __init__(self, random: randomness.Random, world: World) -> None:
        self._random = random
        self._world = world
        self._opportunities: list[Document] = []
        self._billable: list[Document] = []
        self._shippable: list[Document] = []

    def document(self, identifier: int, code: str, position: int, created: int) -> Document:
        if code == "ItemShip" and not self._shippable:
            # Nothing is shipped that nobody ordered.
            code = "SalesOrd"
        document = Document(identifier, code, position, created)
        from_order = code == "ItemShip" or (code == "CustInvc" and self._random.random() < 0.85)
        pool = self._shippable if code == "ItemShip" else self._billable
        if from_order and pool:
            self._follow(document, self._taken(pool))
        else:
            self._start(document)
        return document

    def _taken(self, pool: list[Document]) -> Document:
        return pool.pop(self._random.randrange(max(0, len(pool) - _RECENT), len(pool)))

    def _start(self, document: Document) -> None:
        random, world, code = self._random, self._world, document.code
        entities = {"Journal": (), "PurchOrd": world.vendors}.get(code, world.customers)
        document.entity = random.choice(entities) if entities else None
        document.currency = YEN if random.random() < 0.03 else (1, 2, 4)[int(random.random() * 3)]
        document.rate = _RATES[document.currency] * (950 + int(random.random() * 100)) // 1000
        if document.currency == 1:
            document.rate = _RATES[1]
        document.subsidiary = random.choice(world.subsidiaries) if world.subsidiaries else None
        document.location = random.choice(world.locations) if world.locations and random.random() < 0.9 else None
        document.department = int(random.random() * 3) + 1 if random.random() < 0.5 else None
        document.details = self._details(document)
        if code in {"SalesOrd", "CustInvc"}:
            document.tax = _tax(random, document)
        self._decide(document)

    def _decide(self, document: Document) -> None:
        random, code = self._random, document.code
        if code == "Opprtnty":
            document.letter = "AABD"[int(random.random() * 4)]
            self._opportunities.append(document)
        elif code == "SalesOrd":
            if self._opportunities and random.random() < 0.2:
                document.source = self._taken(self._opportunities)
                document.source.letter = "C"
                document.entity = document.source.entity
            document.letter = random.choices("ABCH", (8, 84, 4, 4))[0]
            if document.letter == "B" and document.details:
                self._billable.append(document)
                if any(detail.code in FULFILLABLE for detail in document.details):
                    self._shippable.append(document)
        elif code == "CustInvc":
            _settle(random, document)
        else:
            document.letter = "B"

    def _follow(self, document: Document, order: Document) -> None:
        random = self._random
        document.source = order
        for name in ("entity", "currency", "rate", "subsidiary", "location", "department"):
            setattr(document, name, getattr(order, name))
        partly = random.random() < 0.15
        for detail in order.details:
            if document.code == "ItemShip" and detail.code not in FULFILLABLE:
                continue
            copied = _part_of(detail, partly=partly)
            document.details.append(copied)
            if copied.quantity is not None and document.code == "ItemShip":
                detail.shipped += copied.quantity
        if document.code == "ItemShip":
            document.letter = random.choices("ABC", (1, 1, 8))[0]
            return
        document.tax = 0 if partly else order.tax
        _settle(random, document)
        if document.letter not in "EV":
            for detail, copied in zip(order.details, document.details, strict=True):
                detail.billed += copied.quantity or 0

    def _details(self, document: Document) -> list[Detail]:
        random, world = self._random, self._world
        details = []
        unit = 100 if document.currency == YEN else 1
        for _ in range(_item_count(random, document.code) if world.items else 0):
            sold = random.choice(world.items)
            quantity, price = int(random.random() * 9) + 1, -(-sold.price // unit) * unit
            sign = -1 if document.code == "PurchOrd" else 1
            details.append(Detail(sold.item, sold.code, quantity, price, sign * quantity * price))
        if document.code in {"CustPymt", "Journal"}:
            amount = int(random.random() * 5_000) * 100
            details.append(Detail(0, "", None, 0, amount))
        if details and document.code in {"SalesOrd", "CustInvc"}:
            if random.random() < 0.08:
                amount = sum(detail.amount or 0 for detail in details) // 10 // unit * unit
                details.append(Detail(DISCOUNT_ITEM, "Discount", None, 0, -amount))
            if random.random() < 0.04:
                details.append(Detail(DESCRIPTION_ITEM, "Description", None, 0, None))
        return details


def _item_count(random: randomness.Random, code: str) -> int:
    if code == "Opprtnty":
        return 1 if random.random() < 0.3 else 0
    if code in {"Journal", "CustPymt"}:
        return 0
    return random.choices((1, 2, 3, 7), (70, 20, 9, 1))[0]


def _tax(random: randomness.Random, document: Document) -> int:
    unit = 100 if document.currency == YEN else 1
    return document.total // 10 // unit * unit if random.random() < 0.25 else 0


def _part_of(detail: Detail, *, partly: bool) -> Detail:
    if not partly or detail.quantity is None or detail.quantity == 1:
        return Detail(detail.item, detail.code, detail.quantity, detail.price, detail.amount)
    quantity = detail.quantity // 2
    return Detail(detail.item, detail.code, quantity, detail.price, quantity * detail.price)


def _settle(random: randomness.Random, document: Document) -> None:
    """Decide what became of an invoice; a voided one keeps its lines with amounts of zero."""
    document.letter = random.choices("ABDEV", (30, 64, 3, 2, 1))[0]
    if document.letter == "V":
        document.tax = 0
        for detail in document.details:
            detail.amount = None if detail.amount is None else 0


def _order_status(order: Document) -> str:
    counted = [detail for detail in order.details if detail.quantity is not None]
    goods = [detail for detail in counted if detail.code in FULFILLABLE]
    billed = bool(counted) and all(detail.billed >= (detail.quantity or 0) for detail in counted)
    shipped = all(detail.shipped >= (detail.quantity or 0) for detail in goods)
    if billed:
        return "G"
    if goods and shipped:
        return "F"
    if any(detail.billed for detail in counted):
        return "E"
    return "D" if any(detail.shipped for detail in goods) else "B"
