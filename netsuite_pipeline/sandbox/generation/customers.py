"""Customers, leads and prospects. Which subsidiaries each belongs to is in `relations`."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.addresses import default_addresses
from netsuite_pipeline.sandbox.generation.dirt import (
    OVERLONG_PHONE,
    YEAR_19_DATE,
    blanks,
    remark,
    spoil,
    unloadable_positions,
)
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, day, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.words import (
    COMPANY_KINDS,
    COMPANY_STEMS,
    FIRST_NAMES,
    LAST_NAMES,
    SALUTATIONS,
    TITLES,
)
from netsuite_pipeline.sandbox.generation.world import World


def customer_table(seed: int, world: World) -> Rows:
    """The customers; a few hold a value that no warehouse column can take."""
    return Rows.of("customer", _customers(generator_for(seed, "customer"), world))


def _customers(random: randomness.Random, world: World) -> Iterator[dict[str, object]]:
    unloadable = unloadable_positions(len(world.customers))
    last_parent = None
    for index, identifier in enumerate(world.customers):
        stage = random.choices(("Customer", "Lead", "Prospect"), (8, 1, 1))[0]
        record = _names(random, identifier) | _contact(random, identifier) | _codes(random, world, stage)
        record |= _dealings(random, ordered=stage == "Customer" and random.random() < 0.7)
        record["parent"] = last_parent if random.random() < 0.05 else None
        spoil(record, unloadable.get(index), ("phone", OVERLONG_PHONE), ("startdate", YEAR_19_DATE))
        yield record
        if index % 40 == 0:
            last_parent = identifier


def _names(random: randomness.Random, identifier: int) -> dict[str, object]:
    chance = random.random
    is_person = chance() < 0.4
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    company = blanks(random, f"{random.choice(COMPANY_STEMS)} {random.choice(COMPANY_KINDS)}")
    name = f"{first} {last}" if is_person else company
    return {
        "id": identifier,
        "entityid": f"CUST{identifier} {name}".strip(),
        "entitynumber": identifier,
        "externalid": f"legacy-{identifier}" if chance() < 0.3 else None,
        "altname": name,
        "isperson": flag(is_person),
        "companyname": None if is_person else company,
        "firstname": first if is_person else None,
        "middlename": "J." if is_person and chance() < 0.1 else None,
        "lastname": last if is_person else None,
        "salutation": random.choice(SALUTATIONS) if is_person and chance() < 0.5 else None,
        "title": random.choice(TITLES) if is_person else None,
    }


def _contact(random: randomness.Random, identifier: int) -> dict[str, object]:
    chance = random.random
    billing, shipping = default_addresses(identifier)
    number = f"{int(chance() * 9_000_000) + 1_000_000}"
    return {
        "email": f"c{identifier}@example.com" if chance() < 0.9 else None,
        "phone": f"+1 (512) 555-{number[:4]}" if chance() < 0.85 else None,
        "altphone": f"0{number}" if chance() < 0.1 else None,
        "mobilephone": f"+44 7{number}00" if chance() < 0.3 else None,
        "fax": f"512.555.{number[3:]}" if chance() < 0.05 else None,
        "url": f"https://example.com/?c={identifier}&x=1" if chance() < 0.2 else None,
        "accountnumber": f"A-{number}" if chance() < 0.3 else None,
        "resalenumber": f"TX{number}" if chance() < 0.05 else None,
        "comments": remark(random, 0.15),
        "defaultbillingaddress": billing,
        "defaultshippingaddress": shipping,
    }


def _codes(random: randomness.Random, world: World, stage: str) -> dict[str, object]:
    chance = random.random
    return {
        "searchstage": stage,
        "entitystatus": 13 if stage == "Customer" else 6,
        "probability": "100" if stage == "Customer" else cents(int(chance() * 1000) * 10),
        "creditholdoverride": random.choices(("AUTO", "ON", "OFF"), (95, 3, 2))[0],
        "language": "en_US" if chance() < 0.9 else "fr_FR",
        "emailpreference": "DEFAULT",
        "globalsubscriptionstatus": "1",
        "pricelevel": random.choice(world.price_levels) if world.price_levels and chance() < 0.6 else None,
        "currency": (1, 2, 4)[int(chance() * 3)],
        "salesrep": random.choice(world.employees) if world.employees and chance() < 0.5 else None,
        "terms": (1, 2, 5)[int(chance() * 3)] if chance() < 0.8 else None,
        # Ids of NetSuite's own choices are negative.
        "territory": -5 if chance() < 0.2 else None,
        "leadsource": -int(chance() * 6) - 2 if chance() < 0.3 else None,
        "receivablesaccount": -10,
        "category": int(chance() * 6) + 1 if chance() < 0.5 else None,
        "isinactive": flag(chance() < 0.04),
        "giveaccess": flag(chance() < 0.1),
        "shipcomplete": flag(chance() < 0.1),
        "weblead": flag(stage == "Lead"),
        "duplicate": flag(chance() < 0.01),
        "emailtransactions": flag(chance() < 0.5),
        "faxtransactions": "F",
        "printtransactions": "F",
        "oncredithold": flag(chance() < 0.01),
        "billpay": "F",
    }


def _dealings(random: randomness.Random, *, ordered: bool) -> dict[str, object]:
    chance = random.random
    created = int(chance() * (len(DAYS) - 60))
    changed = created + int(chance() * (len(DAYS) - created))
    balance = int(chance() * 2_000_000) - 100_000 if ordered else 0
    second = int(chance() * 86_400)
    return {
        "balancesearch": cents(balance),
        "overduebalancesearch": cents(max(balance, 0) // 3),
        "unbilledorderssearch": cents(int(chance() * 400_000)) if ordered else "0",
        "creditlimit": cents(int(chance() * 50) * 100_000) if chance() < 0.4 else None,
        "startdate": day(created) if chance() < 0.5 else None,
        "enddate": day(changed + 365) if chance() < 0.03 else None,
        "firstorderdate": day(created + 5) if ordered else None,
        "lastorderdate": day(changed) if ordered else None,
        "datecreated": moment(created, second),
        "lastmodifieddate": moment(changed, (second * 7) % 86_400),
    }
