"""Projects (`job`): each belongs to a customer, which is its `parent` too unless that is another project."""

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
from netsuite_pipeline.sandbox.generation.words import CITIES, PROJECT_NOUNS
from netsuite_pipeline.sandbox.generation.world import World

# Ids of jobstatus that mean work goes on, and those that mean it does not (see organisation).
IN_PROGRESS, _OTHERS = 2, (1, 3, 4, 5, 6)
_BILLING_TYPES = ("CB", "FBI", "FBM", "TM")


def job_table(seed: int, world: World) -> Rows:
    """The projects; none without a customer, so an account without customers has no projects."""
    return Rows.of("job", _jobs(generator_for(seed, "job"), world))


def _jobs(random: randomness.Random, world: World) -> Iterator[dict[str, object]]:
    unloadable = unloadable_positions(len(world.jobs))
    services = [sellable.item for sellable in world.items if sellable.code == "Service"]
    for index, identifier in enumerate(world.jobs if world.customers else ()):
        # A few projects are parts of an earlier one of the same customer.
        above = world.jobs[index - 1] if index and random.random() < 0.04 else None
        customer = random.choice(world.customers) if above is None else world.customer_of[above]
        world.customer_of[identifier] = customer
        record = _names(random, identifier) | _work(random)
        # A project is billed where its customer is, if it says so at all.
        billing, shipping = default_addresses(customer) if identifier % 3 else (None, None)
        record |= {
            "customer": customer,
            "parent": above or customer,
            "defaultbillingaddress": billing,
            "defaultshippingaddress": shipping,
            "projectmanager": random.choice(world.employees) if world.employees and random.random() < 0.7 else None,
            "jobitem": random.choice(services) if services and random.random() < 0.2 else None,
            "subsidiary": random.choice(world.subsidiaries) if world.subsidiaries else None,
        }
        spoil(record, unloadable.get(index), ("startdate", YEAR_19_DATE), ("phone", OVERLONG_PHONE))
        yield record


def _names(random: randomness.Random, identifier: int) -> dict[str, object]:
    chance = random.random
    name = f"{random.choice(PROJECT_NOUNS)} {random.choice(CITIES)} {identifier}"
    return {
        "id": identifier,
        "entityid": f"PROJ{identifier} {name}",
        "entitynumber": identifier if chance() < 0.5 else None,
        "entitytitle": f"PROJ{identifier} {name}",
        "externalid": f"jira-{identifier}" if chance() < 0.2 else None,
        "altname": blanks(random, name, 0.03),
        "companyname": name,
        "accountnumber": f"P-{identifier}" if chance() < 0.1 else None,
        "email": f"p{identifier}@example.com" if chance() < 0.2 else None,
        "phone": f"+1 (512) 556-{identifier % 10_000:04}" if chance() < 0.2 else None,
        "comments": remark(random, 0.2),
        "currency": (1, 2, 4)[int(chance() * 3)],
        "currencyprecision": 2,
        "fxrate": "1",
        "category": int(chance() * 3) + 1 if chance() < 0.3 else None,
        "jobtype": int(chance() * 3) + 1 if chance() < 0.6 else None,
        "jobbillingtype": random.choice(_BILLING_TYPES) if chance() < 0.6 else None,
        "timeapproval": "1",
        "isinactive": flag(chance() < 0.07),
        "allowexpenses": flag(chance() < 0.9),
        "allowtime": flag(chance() < 0.9),
        "allowallresourcesfortasks": "F",
        "isexempttime": "F",
        "isproductivetime": "T",
        "isutilizedtime": "T",
        "includecrmtasksintotals": "F",
        "limittimetoassignees": flag(chance() < 0.2),
        "materializetime": "F",
        "forecastchargerunondemand": "F",
    }


def _work(random: randomness.Random) -> dict[str, object]:
    chance = random.random
    start = int(chance() * (len(DAYS) - 200))
    length = 20 + int(chance() * 300)
    status = IN_PROGRESS if chance() < 0.5 else random.choice(_OTHERS)
    planned, price = int(chance() * 900), int(chance() * 9_000_000)
    # Time beyond the plan happens, so a percentage may pass 100 and the rest may be negative.
    worked = planned * int(chance() * 115) // 100
    done = worked * 1000 // planned / 10 if planned else 0.0
    cost = price * 7 // 10
    estimated = chance() < 0.6
    return {
        "entitystatus": status if chance() < 0.97 else None,
        "startdate": day(start),
        "enddate": day(start + length) if chance() < 0.6 else None,
        "projectedenddate": day(start + length + 14) if chance() < 0.4 else None,
        "calculatedenddate": day(start + length) if chance() < 0.5 else None,
        "lastbaselinedate": day(start) if chance() < 0.1 else None,
        "actualtime": str(worked),
        "estimatedtime": str(planned) if estimated else None,
        "estimatedtimeoverride": str(planned + 10) if estimated and chance() < 0.2 else None,
        "timeremaining": str(planned - worked),
        "percentcomplete": f"{done:.1f}" if chance() < 0.8 else None,
        "percenttimecomplete": str(int(done)),
        "usepercentcompleteoverride": flag(chance() < 0.1),
        "jobprice": cents(price) if chance() < 0.4 else None,
        "estimatedrevenue": cents(price) if estimated else None,
        "estimatedcost": cents(cost) if estimated else None,
        "estimatedlaborcost": cents(cost // 2) if estimated else None,
        "estimatedlaborrevenue": cents(price // 2) if estimated else None,
        "estimatedgrossprofit": cents(price - cost) if estimated else None,
        # A quotient: NetSuite keeps many decimals.
        "estimatedgrossprofitpercent": f"{(price - cost) * 100 / price:.6f}" if estimated and price else None,
        "datecreated": moment(start, int(chance() * 86_400)),
        "lastmodifieddate": moment(start + int(chance() * length), int(chance() * 86_400)),
    }
