"""A sandbox to call, and a caller that knows nothing of our own client: httpx signed by oauthlib."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer

QUERY_PATH = "/services/rest/query/v1/suiteql"


@dataclass
class Caller:
    """Raw HTTP against one sandbox."""

    sandbox: SandboxServer
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def signed(self, method: str, url: str, **changes: Any) -> dict[str, str]:
        known = self.sandbox.credentials
        arguments: dict[str, Any] = {
            "client_key": known.consumer_key,
            "client_secret": known.consumer_secret,
            "resource_owner_key": known.token_id,
            "resource_owner_secret": known.token_secret,
            "signature_method": SIGNATURE_HMAC_SHA256,
            "realm": known.account,
        } | changes
        return dict(Client(**arguments).sign(url, method)[1])

    def post(
        self, sql: str, *, limit: object = None, offset: object = None, params: list[Any] | None = None, **changes: Any
    ) -> httpx.Response:
        """One SuiteQL request; `changes` go to the signature."""
        query = {name: value for name, value in {"limit": limit, "offset": offset}.items() if value is not None}
        url = str(httpx.URL(self.sandbox.base_url + QUERY_PATH, params=query))
        headers = self.signed("POST", url, **changes) | {"Prefer": "transient"}
        body: dict[str, Any] = {"q": sql} if params is None else {"q": sql, "params": params}
        return self.http.post(url, json=body, headers=headers)

    def get(self, path: str) -> httpx.Response:
        url = self.sandbox.base_url + path
        return self.http.get(url, headers=self.signed("GET", url))

    def rows(self, sql: str, **arguments: Any) -> list[dict[str, Any]]:
        """The rows of a query that must succeed, without `links`."""
        answer = self.post(sql, **arguments)
        assert answer.status_code == 200, answer.text
        return [{key: value for key, value in row.items() if key != "links"} for row in answer.json()["items"]]

    def value(self, sql: str, **arguments: Any) -> Any:
        """The only value of the only row; None if it is NULL."""
        (row,) = self.rows(sql, **arguments)
        return next(iter(row.values()), None)

    def refusal(self, sql: str, **arguments: Any) -> str:
        """The detail of a 400."""
        answer = self.post(sql, **arguments)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["o:errorDetails"][0]["detail"])


@pytest.fixture(scope="session")
def dataset() -> Iterator[Dataset]:
    """A company of demo size, for tests that only read."""
    with Dataset.generated(records=30_000, seed=3) as generated:
        yield generated


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxServer]:
    """For tests that only read."""
    with SandboxServer(records=1200, seed=7, concurrency=20) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def reader(shared_sandbox: SandboxServer) -> Iterator[Caller]:
    caller = Caller(shared_sandbox)
    yield caller
    caller.http.close()


@pytest.fixture
def caller() -> Iterator[Caller]:
    """A small sandbox of the test's own, to change and to break."""
    with SandboxServer(records=300, seed=7) as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.http.close()


@pytest.fixture
def make_caller() -> Iterator[Any]:
    """Sandboxes with settings of the test's choice."""
    callers: list[Caller] = []

    def make(**settings: Any) -> Caller:
        sandbox = SandboxServer(**{"records": 300, "seed": 7, **settings})
        sandbox.start()
        callers.append(Caller(sandbox))
        return callers[-1]

    yield make
    for caller in callers:
        caller.http.close()
        caller.sandbox.stop()
