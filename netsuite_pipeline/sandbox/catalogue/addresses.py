"""Addresses, each in the table of what it belongs to, and the tracking numbers of what is shipped to them.

Columns are futuri's for `entityaddress`; public SuiteQL reads the other tables by the same names.
"""

from collections.abc import Mapping

from netsuite_pipeline.sandbox.catalogue.model import Table, table


def _address(name: str) -> Table:
    return table(
        name,
        key=("nkey",),
        # What shows an address is its text; nobody reads addresses by their time of change.
        title="addrtext",
        modified=None,
        integer="nkey recordowner",
        text="""addr1 addr2 addr3 addressee addrphone addrtext attention city country dropdownstate state zip""",
        flag="override",
        datetime="lastmodifieddate",
    )


ADDRESSES = tuple(
    map(
        _address,
        (
            "entityaddress",
            "locationmainaddress",
            "subsidiarymainaddress",
            "transactionbillingaddress",
            "transactionshippingaddress",
        ),
    )
)
DEFAULT_ADDRESSES: Mapping[str, str] = {
    "defaultbillingaddress": "entityaddress",
    "defaultshippingaddress": "entityaddress",
}

TRACKING_NUMBERS = (
    table("trackingnumber", title="trackingnumber", modified=None, integer="id", text="trackingnumber"),
    table(
        "trackingnumbermap",
        key=("transaction", "trackingnumber"),
        modified=None,
        references={"transaction": "transaction", "trackingnumber": "trackingnumber"},
    ),
)
