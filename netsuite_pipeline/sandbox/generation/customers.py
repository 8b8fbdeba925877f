"""Customers, leads and prospects. Which subsidiaries each belongs to is in `relations`."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.dirt import OVERLONG_PHONE, YEAR_19_DATE, remark, unloadable_positions
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, day, generator_for, moment
from netsuite_pipeline.sandbox.generation.words import (
    COMPANY_KINDS,
    COMPANY_STEMS,
    FIRST_NAMES,
    LAST_NAMES,
    SALUTATIONS,
    TITLES,
)
from netsuite_pipeline.sandbox.generation.world import World

_COLUMNS = (
    "id", "entityid", "externalid", "altname", "isperson", "companyname", "firstname", "middlename",
    "lastname", "salutation", "title", "email", "phone", "altphone", "mobilephone", "fax", "url",
    "accountnumber", "resalenumber", "searchstage", "creditholdoverride", "language", "comments", "parent",
    "pricelevel", "currency", "salesrep", "terms", "territory", "category", "entitystatus", "leadsource",
    "receivablesaccount", "defaultbillingaddress", "defaultshippingaddress", "balancesearch",
    "overduebalancesearch", "unbilledorderssearch", "creditlimit", "probability", "isinactive",
    "giveaccess", "shipcomplete", "weblead", "startdate", "enddate", "firstorderdate", "lastorderdate",
    "datecreated", "lastmodifieddate", "entitynumber", "emailpreference", "globalsubscriptionstatus",
    "duplicate", "emailtransactions", "faxtransactions", "printtransactions", "oncredithold", "billpay",
)  # fmt: skip


def customer_table(seed: int, world: World) -> Rows:
    """The customers; a few hold a value that no warehouse column can take."""
    return Rows("customer", _COLUMNS, _customers(generator_for(seed, "customer"), world))


def _customers(random: randomness.Random, world: World) -> Iterator[tuple[object, ...]]:
    unloadable = unloadable_positions(len(world.customers))
    last_parent = None
    for index, identifier in enumerate(world.customers):
        row = _customer(random, world, identifier, last_parent)
        if index % 40 == 0:
            last_parent = identifier
        number = unloadable.get(index)
        if number is not None:
            column = _COLUMNS.index("startdate" if number % 2 else "phone")
            row[column] = YEAR_19_DATE if number % 2 else OVERLONG_PHONE
        yield tuple(row)


def _customer(random: randomness.Random, world: World, identifier: int, parent: int | None) -> list[object]:
    chance = random.random
    is_person = chance() < 0.4
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    company = f"{random.choice(COMPANY_STEMS)} {random.choice(COMPANY_KINDS)}"
    if chance() < 0.01:
        company = f" {company} "
    name = f"{first} {last}" if is_person else company
    number = f"{int(chance() * 9_000_000) + 1_000_000}"
    created = int(chance() * (len(DAYS) - 60))
    changed = created + int(chance() * (len(DAYS) - created))
    stage = "Customer" if chance() < 0.8 else ("Lead" if chance() < 0.5 else "Prospect")
    ordered = stage == "Customer" and chance() < 0.7
    balance = int(chance() * 2_000_000) - 100_000 if ordered else 0
    second = int(chance() * 86_400)
    return [
        identifier,
        f"CUST{identifier} {name}".strip(),
        f"legacy-{identifier}" if chance() < 0.3 else None,
        name,
        "T" if is_person else "F",
        None if is_person else company,
        first if is_person else None,
        "J." if is_person and chance() < 0.1 else None,
        last if is_person else None,
        random.choice(SALUTATIONS) if is_person and chance() < 0.5 else None,
        random.choice(TITLES) if is_person else None,
        f"c{identifier}@example.com" if chance() < 0.9 else None,
        f"+1 (512) 555-{number[:4]}" if chance() < 0.85 else None,
        f"0{number}" if chance() < 0.1 else None,
        f"+44 7{number}00" if chance() < 0.3 else None,
        f"512.555.{number[3:]}" if chance() < 0.05 else None,
        f"https://example.com/?c={identifier}&x=1" if chance() < 0.2 else None,
        f"A-{number}" if chance() < 0.3 else None,
        f"TX{number}" if chance() < 0.05 else None,
        stage,
        "AUTO",
        "en_US",
        remark(random, 0.15),
        parent if chance() < 0.05 else None,
        random.choice(world.price_levels) if world.price_levels and chance() < 0.6 else None,
        (1, 2, 4)[int(chance() * 3)],
        random.choice(world.employees) if world.employees and chance() < 0.5 else None,
        (1, 2, 5)[int(chance() * 3)] if chance() < 0.8 else None,
        -5 if chance() < 0.2 else None,
        int(chance() * 6) + 1 if chance() < 0.5 else None,
        13 if stage == "Customer" else 6,
        -int(chance() * 6) - 2 if chance() < 0.3 else None,
        -10,
        identifier * 2 + 7,
        identifier * 2 + 8,
        cents(balance),
        cents(balance // 3 if balance > 0 else 0),
        cents(int(chance() * 400_000)) if ordered else "0",
        cents(int(chance() * 50) * 100_000) if chance() < 0.4 else None,
        "100" if stage == "Customer" else cents(int(chance() * 1000) * 10),
        "T" if chance() < 0.04 else "F",
        "T" if chance() < 0.1 else "F",
        "T" if chance() < 0.1 else "F",
        "T" if stage == "Lead" else "F",
        day(created) if chance() < 0.5 else None,
        day(changed + 365) if chance() < 0.03 else None,
        day(created + 5) if ordered else None,
        day(changed) if ordered else None,
        moment(created, second),
        moment(changed, (second * 7) % 86_400),
        identifier,
        "DEFAULT",
        "1",
        "F",
        "T" if chance() < 0.5 else "F",
        "F",
        "F",
        "T" if chance() < 0.01 else "F",
        "F",
    ]
