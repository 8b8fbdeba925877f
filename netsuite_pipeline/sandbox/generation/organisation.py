"""The company's own structure: subsidiaries, locations, price levels, employees and the small code lists."""

from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.rows import Rows, World, day, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.words import CITIES, FIRST_NAMES, LAST_NAMES, TITLES

_COUNTRIES = (("US", "TX"), ("GB", None), ("FR", None), ("AT", None), ("JP", None), ("PT", None))
# swishbi_itemtype.csv, a public seed of NetSuite's itemtype table: (id, internal id, name).
ITEM_TYPES = (
    ("InvtPart", 1, "Inventory Item"), ("NonInvtPart", 2, "Non-inventory Item"), ("Service", 3, "Service"),
    ("OthCharge", 4, "Other Charge"), ("Assembly", 5, "Assembly/Bill of Materials"),
    ("Kit", 6, "Kit/Package"), ("Group", 7, "Item Group"), ("Discount", 8, "Discount"),
    ("Markup", 9, "Markup"), ("Subtotal", 10, "Subtotal"), ("Description", 11, "Description"),
    ("Payment", 12, "Payment"), ("TaxItem", 13, "Sales Tax Item"), ("TaxGroup", 14, "Sales Tax Group"),
    ("ShipItem", 15, "Shipping Cost Item"), ("EndGroup", 16, "End of Item Group"),
    ("DwnLdItem", 17, "Download Item"), ("GiftCert", 18, "Gift Certificate"), ("Expense", 19, "Expense"),
    ("SubscriPlan", 20, "Subscription Plan"),
)  # fmt: skip
# Letters per transaction type (thenetsuitepro.com and blog.prolecto.com agree): (type, its name, letter,
# name).
STATUSES = tuple(
    (code, kind, letter, name)
    for code, kind, names in (
        ("SalesOrd", "Sales Order", ("Pending Approval", "Pending Fulfillment", "Cancelled",
                                     "Partially Fulfilled", "Pending Billing/Partially Fulfilled",
                                     "Pending Billing", "Billed", "Closed")),
        ("CustInvc", "Invoice", ("Open", "Paid In Full")),
        ("ItemShip", "Item Fulfillment", ("Picked", "Packed", "Shipped")),
        ("Opprtnty", "Opportunity", ("In Progress", "Issued Estimate", "Closed - Won", "Closed - Lost")),
        ("Journal", "Journal", ("Pending Approval", "Approved for Posting")),
    )
    for letter, name in zip("ABCDEFGH", names, strict=False)
)  # fmt: skip


def organisation(sizes: Sizes, seed: int, world: World) -> Iterator[Rows]:
    """Everything that other records refer to, smallest tables first."""
    yield from _code_lists()
    yield _subsidiaries(sizes, seed, world)
    yield _locations(sizes, seed, world)
    yield _price_levels(sizes, world)
    yield _employees(sizes, seed, world)


def _code_lists() -> Iterator[Rows]:
    yield Rows("dual", ("dummy",), [("X",)])
    yield Rows("itemtype", ("id", "internalid", "name", "sequence"), [(*row, row[1]) for row in ITEM_TYPES])
    yield Rows(
        "transactionstatus",
        ("trantype", "id", "name", "fullname"),
        [(code, letter, name, f"{kind} : {name}") for code, kind, letter, name in STATUSES],
    )
    changed = moment(12, 36_000)
    yield Rows(
        "currency",
        ("id", "name", "symbol", "exchangerate", "isinactive", "isbasecurrency", "lastmodifieddate"),
        [
            (1, "US Dollar", "USD", "1", "F", "T", changed),
            (2, "British Pound", "GBP", "1.27", "F", "F", changed),
            (4, "Euro", "EUR", "1.08", "F", "F", changed),
        ],
    )
    for table in ("department", "classification"):
        names = ("Sales", "Service", "Wholesale")
        yield Rows(
            table,
            ("id", "name", "fullname", "isinactive", "lastmodifieddate"),
            [(index, name, name, "F", changed) for index, name in enumerate(names, 1)],
        )
    yield Rows(
        "term",
        ("id", "name", "daysuntilnetdue", "isinactive", "lastmodifieddate"),
        [
            (1, "Net 15", 15, "F", changed),
            (2, "Net 30", 30, "F", changed),
            (5, "Due on receipt", 0, "F", changed),
        ],
    )


def _subsidiaries(sizes: Sizes, seed: int, world: World) -> Rows:
    random = generator_for(seed, "subsidiary")
    rows: list[tuple[object, ...]] = []
    full_names: dict[int, str] = {}
    for index in range(sizes.subsidiaries):
        # Id 1 is the root in every OneWorld account; later ids have gaps from deleted drafts.
        identifier = 1 if index == 0 else last_id(rows) + random.choice((1, 1, 2))
        parent = None if index == 0 else random.choice(world.subsidiaries)
        country, state = _COUNTRIES[index % len(_COUNTRIES)]
        name = "Parent Company" if index == 0 else f"{CITIES[index % len(CITIES)]} Branch {index}"
        full_names[identifier] = f"{full_names[parent]} : {name}" if parent else name
        world.subsidiaries.append(identifier)
        rows.append((
            identifier, name, full_names[identifier], f"{name} Ltd", parent, random.choice((1, 2, 4)),
            country, state, f"branch{identifier}@example.com", "https://www.example.com/?b=1&c=2", "en_US",
            "T" if index == 5 else "F", "F", moment(40 + index, 33_000 + index),
        ))  # fmt: skip
    columns = (
        "id", "name", "fullname", "legalname", "parent", "currency", "country", "state", "email", "url",
        "languagelocale", "iselimination", "isinactive", "lastmodifieddate",
    )  # fmt: skip
    return Rows("subsidiary", columns, rows)


def last_id(rows: list[tuple[object, ...]]) -> int:
    """The id of the last row so far; ids come first in every row."""
    identifier = rows[-1][0]
    if not isinstance(identifier, int):
        raise TypeError(f"A row must start with its numeric id, not {identifier!r}.")
    return identifier


def _locations(sizes: Sizes, seed: int, world: World) -> Rows:
    random = generator_for(seed, "location")
    rows: list[tuple[object, ...]] = []
    for index in range(sizes.locations):
        identifier = 2 + index * 2
        parent = random.choice(world.locations) if index > 2 and index % 3 == 0 else None
        owners = sorted(random.sample(world.subsidiaries, k=min(1 + index % 3, len(world.subsidiaries))))
        name = f"Warehouse {CITIES[index % len(CITIES)]}" + (" 📦" if index == 3 else "")
        world.locations.append(identifier)
        rows.append((
            identifier, name, name, parent, ", ".join(map(str, owners)), f"W{identifier}-",
            f"{random.uniform(-60, 60):.6f}", f"{random.uniform(-120, 140):.6f}", 500 + index,
            "T", "F", "T" if index == 7 else "F", moment(60 + index, 40_000 + index),
        ))  # fmt: skip
    columns = (
        "id", "name", "fullname", "parent", "subsidiary", "tranprefix", "latitude", "longitude",
        "mainaddress", "makeinventoryavailable", "usebins", "isinactive", "lastmodifieddate",
    )  # fmt: skip
    return Rows("location", columns, rows)


def _price_levels(sizes: Sizes, world: World) -> Rows:
    names = (
        "Base Price",
        "Alternate Price 1",
        "Online Price",
        "Wholesale -15%",
        "Employee",
        "Distributor",
        "Old list",
    )
    discounts = (None, "-5", "0", "-15", "-32.5", "-20.25", "-1")
    rows = [
        (index + 1, names[index], discounts[index], "T" if index == 2 else "F", "T" if index == 6 else "F",
         moment(80 + index, 41_000))
        for index in range(sizes.price_levels)
    ]  # fmt: skip
    world.price_levels.extend(range(1, sizes.price_levels + 1))
    return Rows("pricelevel", ("id", "name", "discountpct", "isonline", "isinactive", "lastmodifieddate"), rows)


def _employees(sizes: Sizes, seed: int, world: World) -> Rows:
    random = generator_for(seed, "employee")
    count = min(25, 3 + sizes.customers // 200)
    # -5 is NetSuite's own "-System-" user.
    rows: list[tuple[object, ...]] = [
        (-5, "-System-", None, None, None, None, None, None, "F", "F", None, moment(0, 0))
    ]
    for index in range(count):
        identifier = 3 + index * 2
        first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
        rows.append((
            identifier, f"{first} {last}", first, last, random.choice(TITLES), f"e{identifier}@example.com",
            random.choice(world.employees) if world.employees else None,
            random.choice(world.subsidiaries) if world.subsidiaries else None,
            "F", "T" if index % 2 else "F", day(100 + index * 9), moment(700 + index, 50_000),
        ))  # fmt: skip
        world.employees.append(identifier)
    columns = (
        "id", "entityid", "firstname", "lastname", "title", "email", "supervisor", "subsidiary", "isinactive",
        "issalesrep", "hiredate", "lastmodifieddate",
    )  # fmt: skip
    return Rows("employee", columns, rows)
