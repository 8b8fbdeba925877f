"""Charges of projects and orders. An account without charge-based billing has none of them."""

import random as randomness
from collections import defaultdict
from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.code_lists import CHARGE_TYPES
from netsuite_pipeline.sandbox.generation.dirt import HUGE_NUMBER, YEAR_19_DATE, remark, spoil, unloadable_positions
from netsuite_pipeline.sandbox.generation.documents import Document
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, day, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.world import World

_FIRST_ID = 101
_STAGES = ("READY_FOR_BILLING", "HOLD_FOR_BILLING", "NON_BILLABLE")
_MODES = ("IN_ARREARS", "IN_ADVANCE", "IMMEDIATE")
_Record = dict[str, object]


def charge_table(sizes: Sizes, seed: int, world: World, documents: Sequence[Document]) -> Rows:
    """The charges; the last charge type is used by none of them."""
    return Rows.of("charge", _charges(generator_for(seed, "charge"), sizes.charges, world, documents))


def _charges(random: randomness.Random, count: int, world: World, documents: Sequence[Document]) -> Iterator[_Record]:
    billed = [document for document in documents if document.code == "CustInvc" and document.source]
    services = [sellable.item for sellable in world.items if sellable.code == "Service"]
    types = [identifier for identifier, _ in CHARGE_TYPES[:-1]]
    jobs_of = defaultdict(list)
    for job, customer in world.customer_of.items():
        jobs_of[customer].append(job)
    unloadable = unloadable_positions(count)
    identifier = _FIRST_ID
    for index in range(count):
        record = _charge(random, identifier)
        record["billingitem"] = random.choice(services) if services and random.random() < 0.9 else None
        record["chargetype"] = random.choice(types) if random.random() < 0.97 else None
        record |= _place(random, world)
        if billed and random.random() < 0.4:
            record |= _of_invoice(random, random.choice(billed), jobs_of)
        elif world.customer_of:
            record["billto"] = random.choice(list(world.jobs))
        spoil(record, unloadable.get(index), ("chargedate", YEAR_19_DATE), ("amount", HUGE_NUMBER))
        yield record
        identifier += random.randrange(2, 30) if random.random() < 0.05 else 1


def _charge(random: randomness.Random, identifier: int) -> _Record:
    chance = random.random
    created = int(chance() * (len(DAYS) - 100))
    # Hours come in quarters; some are taken back.
    quarters, rate = int(chance() * 80) + 1 - (100 if chance() < 0.03 else 0), int(chance() * 40) * 500 + 2500
    return {
        "id": identifier,
        "quantity": f"{quarters / 4:g}",
        "rate": cents(rate),
        "amount": cents(quarters * rate // 4),
        "billdate": day(created + 30) if chance() < 0.8 else None,
        "chargedate": day(created),
        "billingmode": random.choice(_MODES) if chance() < 0.7 else None,
        "stage": random.choice(_STAGES),
        "use": "Actual" if chance() < 0.85 else "Forecast",
        "currency": (1, 2, 4)[int(chance() * 3)],
        "description": remark(random, 0.6, 0.2),
        "memo": remark(random, 0.2),
        "externalid": f"hours-{identifier}" if chance() < 0.2 else None,
        "rule": int(chance() * 20) + 1 if chance() < 0.5 else None,
        "runid": created,
        "timerecord": identifier * 3 if chance() < 0.4 else None,
        "projecttask": identifier % 97 + 1 if chance() < 0.3 else None,
        "servicestartdate": day(created - 7) if chance() < 0.3 else None,
        "serviceenddate": day(created) if chance() < 0.3 else None,
        "createddate": moment(created, int(chance() * 86_400)),
        "lastmodifieddate": moment(created + int(chance() * 90), int(chance() * 86_400)),
    }


def _place(random: randomness.Random, world: World) -> _Record:
    return {
        "subsidiary": random.choice(world.subsidiaries) if world.subsidiaries else None,
        "location": random.choice(world.locations) if world.locations and random.random() < 0.5 else None,
        "department": int(random.random() * 3) + 1 if random.random() < 0.5 else None,
        "class": int(random.random() * 3) + 1 if random.random() < 0.2 else None,
    }


def _of_invoice(random: randomness.Random, invoice: Document, jobs_of: dict[int, list[int]]) -> _Record:
    """What ties a charge to the order it comes from and the invoice that billed it."""
    order = invoice.source
    jobs = jobs_of.get(invoice.entity or 0, [])
    return {
        "billto": random.choice(jobs) if jobs else invoice.entity,
        "salesorder": order.identifier if order else None,
        "salesorderline": 1,
        "invoice": invoice.identifier,
        "invoiceline": 1,
        "transaction": invoice.identifier,
        "transactionline": 1,
        "currency": invoice.currency,
        "subsidiary": invoice.subsidiary,
        "stage": "READY_FOR_BILLING",
    }
