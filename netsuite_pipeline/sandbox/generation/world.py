"""Who exists: the ids that tables refer to, known before the rows that refer to them are made.

Customers, projects, vendors and employees share one id space in NetSuite, so their ids interleave and no two
of them are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from netsuite_pipeline.sandbox.generation.rows import generator_for
from netsuite_pipeline.sandbox.generation.sizes import Sizes

# Ids below belong to old test records.
_FIRST_ENTITY = 137
# An import from an older system reserved a block of ids, in accounts of some size.
_BLOCK, _BLOCK_FROM = 20_000, 5_000
# The ids of tax, description, subtotal and the system's own discount among the items.
TAX_ITEM, DESCRIPTION_ITEM, SUBTOTAL_ITEM, DISCOUNT_ITEM = -5, -3, -2, -1


@dataclass(frozen=True)
class Sellable:
    """An item that appears on orders; `price` in cents."""

    item: int
    code: str
    price: int


@dataclass
class World:
    """Ids that other tables may refer to; the lists that follow from rows are filled as these are made."""

    customers: Sequence[int] = ()
    jobs: Sequence[int] = ()
    vendors: Sequence[int] = ()
    employees: Sequence[int] = ()
    subsidiaries: list[int] = field(default_factory=list)
    locations: list[int] = field(default_factory=list)
    price_levels: list[int] = field(default_factory=list)
    items: list[Sellable] = field(default_factory=list)
    # Project -> its customer.
    customer_of: dict[int, int] = field(default_factory=dict)

    @classmethod
    def populated(cls, sizes: Sizes, seed: int) -> "World":
        """A world with the ids of every entity, ascending and with gaps."""
        random = generator_for(seed, "entity")
        kinds = ["e"] * sizes.employees + ["v"] * sizes.vendors + ["j"] * sizes.jobs + ["c"] * sizes.customers
        random.shuffle(kinds)
        ids: dict[str, list[int]] = {"c": [], "j": [], "v": [], "e": []}
        identifier = _FIRST_ENTITY
        for position, kind in enumerate(kinds):
            ids[kind].append(identifier)
            identifier += random.randrange(2, 50) if random.random() < 0.03 else 1
            if position == len(kinds) // 2 and len(kinds) > _BLOCK_FROM:
                identifier += _BLOCK
        return cls(customers=ids["c"], jobs=ids["j"], vendors=ids["v"], employees=ids["e"])
