"""How many rows of each table a requested total of records becomes."""

from dataclasses import dataclass

# Shares of a mid-size distributor's account with some projects. Lines follow from the transactions: 2.8 of an
# order or invoice, 3.6 of a fulfillment and 1.3 of an opportunity on average.
_SHARES = {
    "customers": 0.21,
    "jobs": 0.025,
    "vendors": 0.025,
    "employees": 0.004,
    "items": 0.08,
    "charges": 0.03,
    "opportunities": 0.035,
    "sales_orders": 0.063,
    "invoices": 0.04,
    "fulfillments": 0.032,
    # Types that nobody imports: journals, payments, purchase orders and the like.
    "other_transactions": 0.01,
}
# Cars are of a custom type, so they are no part of the total; the smallest account has some to look at.
_CARS_SHARE, _FEWEST_CARS = 0.01, 20
# Lists of a company's own structure stop growing early.
_SMALL_ACCOUNT = 1000


@dataclass(frozen=True)
class Sizes:
    """Rows to generate per table; transaction lines follow from the transactions."""

    subsidiaries: int
    locations: int
    price_levels: int
    customers: int
    jobs: int
    vendors: int
    employees: int
    items: int
    charges: int
    opportunities: int
    sales_orders: int
    invoices: int
    fulfillments: int
    other_transactions: int
    cars: int

    @classmethod
    def of(cls, records: int, *, customers: int | None = None) -> "Sizes":
        """The split of about `records` importable records; `customers` sets that table alone."""
        if records < 0 or (customers is not None and customers < 0):
            raise ValueError(f"The sandbox cannot hold a negative number of records: {records}, {customers}.")
        small = records < _SMALL_ACCOUNT
        present = min(records, 1)
        counts = {name: round(records * share) for name, share in _SHARES.items()}
        if customers is not None:
            counts["customers"] = customers
        # Somebody has to sell.
        counts["employees"] = max(counts["employees"], 3 * present)
        return cls(
            subsidiaries=present * (3 if small else 9),
            locations=present * (4 if small else 14),
            price_levels=present * (4 if small else 7),
            cars=present * max(round(records * _CARS_SHARE), _FEWEST_CARS),
            **counts,
        )
