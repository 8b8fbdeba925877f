"""How many rows of each table a requested total of records becomes."""

from dataclasses import dataclass

# Shares of a mid-size distributor's account. Lines follow from orders (2.4 on average) and opportunities
# (1.3).
_CUSTOMERS, _ITEMS, _OPPORTUNITIES, _SALES_ORDERS = 0.35, 0.08, 0.06, 0.13
# Lists of a company's own structure stop growing early.
_SMALL_ACCOUNT = 1000


@dataclass(frozen=True)
class Sizes:
    """Rows to generate per table; transaction lines follow from the transactions."""

    subsidiaries: int
    locations: int
    price_levels: int
    customers: int
    items: int
    opportunities: int
    sales_orders: int
    invoices: int
    journals: int

    @classmethod
    def of(cls, records: int, *, customers: int | None = None) -> "Sizes":
        """The split of about `records` importable records; `customers` sets that table alone."""
        if records < 0 or (customers is not None and customers < 0):
            raise ValueError(f"The sandbox cannot hold a negative number of records: {records}, {customers}.")
        small = records < _SMALL_ACCOUNT
        present = min(records, 1)
        return cls(
            subsidiaries=present * (3 if small else 9),
            locations=present * (4 if small else 14),
            price_levels=present * (4 if small else 7),
            customers=round(records * _CUSTOMERS) if customers is None else customers,
            items=round(records * _ITEMS),
            opportunities=round(records * _OPPORTUNITIES),
            sales_orders=round(records * _SALES_ORDERS),
            invoices=round(records * 0.03),
            journals=round(records * 0.01),
        )
