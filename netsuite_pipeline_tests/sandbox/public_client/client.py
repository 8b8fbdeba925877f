"""A user of the `netsuite` package (jacobsvante/netsuite): pages through one SuiteQL query and prints its rows as JSON.

It is run by an environment of the package's own, because that cannot be one with the pipeline's, and imports nothing of
the pipeline. Reads what to ask, where and with which credentials as one JSON object from its input.
"""

import asyncio
import json
import sys
from typing import Any

from netsuite import Config, NetSuite, TokenAuth
from netsuite.exceptions import NetsuiteAPIRequestError


async def rows_of(account: NetSuite, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The package has no paging of its own: `limit` and `offset` are its caller's, until there are no more."""
    rows: list[dict[str, Any]] = []
    more = True
    while more:
        answer = await account.rest_api.suiteql(
            wanted["sql"],
            limit=wanted["limit"],
            offset=len(rows),
            # The package's own argument for an address that is not the account's; it is what gets signed.
            url=wanted["url"],
        )
        rows += answer["items"]
        more = answer["hasMore"]
    return rows


def main() -> None:
    """Answers `{"rows": [...]}`, or `{"status": ..., "text": ...}` when NetSuite refuses."""
    wanted = json.load(sys.stdin)
    account = NetSuite(Config(account=wanted["account"], auth=TokenAuth(**wanted["credentials"])))
    try:
        answer: dict[str, Any] = {"rows": asyncio.run(rows_of(account, wanted))}
    except NetsuiteAPIRequestError as error:
        answer = {"status": error.status_code, "text": error.response_text}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
