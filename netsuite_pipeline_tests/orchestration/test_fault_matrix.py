"""Every kind of fault, in every phase of an import, with both ways of logging in: what becomes of the import.

Each line of the table says the import's fate, how often the request was sent that the fault hits, and how many seconds
were waited for between. The waits are the longest that jitter allows and nobody sleeps. Whatever happened, what is
imported equals NetSuite, the next import completes the rest, and no secret is in any output.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest
from tenacity import wait_random_exponential

from netsuite_pipeline.netsuite import client as client_module
from netsuite_pipeline.netsuite import histogram, retry
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.keys import create_key_pair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline_tests.orchestration.nights import Clock
from netsuite_pipeline_tests.orchestration.small_imports import Company, Fate, Import, Result, settings_for

FULL, INCREMENTAL = ImportMode.FULL, ImportMode.INCREMENTAL
# The first of three batches.
FIRST = BatchRange(1, 51)
# The client's rows in an answer, so that a batch has a second page.
ROWS_IN_A_PAGE = 20
# How long a client waits for an answer that hangs; a busy machine may let it wait in vain for another one as well.
PATIENCE = 0.5


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The requests that a fault waits for, and the column whose loss or damage hurts there."""

    mode: ImportMode
    match: str
    column: str = "none"
    endpoint: Endpoint = Endpoint.QUERY


PHASES = {
    "bounds": Phase(mode=FULL, match="SELECT COUNT(*) AS records, MIN(", column="records"),
    "histogram": Phase(mode=FULL, match="AS bucket", column="records"),
    "count": Phase(mode=FULL, match="SELECT COUNT(CASE", column="c0"),
    "first page": Phase(mode=FULL, match=f"BETWEEN {FIRST.first} AND {FIRST.last} ORDER BY", column="refid"),
    "later page": Phase(mode=FULL, match=f"BETWEEN {FIRST.first} AND {FIRST.last} AND", column="refid"),
    "time": Phase(mode=INCREMENTAL, match="/serverTime", endpoint=Endpoint.SYSTEM),
    "census": Phase(mode=INCREMENTAL, match="SELECT MIN(pricelevel.id) AS lowest", column="records"),
    "changed ids": Phase(mode=INCREMENTAL, match="AS id FROM pricelevel WHERE pricelevel.lastmod", column="id"),
    "token": Phase(mode=FULL, match="", endpoint=Endpoint.TOKEN),
}

_UNAVAILABLE, _TIMEOUT = FailureCategory.API_UNAVAILABLE, FailureCategory.TIMEOUT
PASSING = {
    FaultKind.TOO_MANY_REQUESTS: FailureCategory.API_RATE_LIMIT,
    FaultKind.INTERNAL_ERROR: _UNAVAILABLE,
    FaultKind.BAD_GATEWAY: _UNAVAILABLE,
    FaultKind.UNAVAILABLE: _UNAVAILABLE,
    FaultKind.GATEWAY_TIMEOUT: _UNAVAILABLE,
    FaultKind.HANG: _TIMEOUT,
    FaultKind.RESET: _UNAVAILABLE,
    FaultKind.RESET_MIDWAY: _UNAVAILABLE,
    FaultKind.EMPTY: _TIMEOUT,
    FaultKind.EMPTY_BODY: _TIMEOUT,
    FaultKind.TRUNCATED: _UNAVAILABLE,
}
CATEGORIES = {
    **PASSING,
    FaultKind.BAD_REQUEST: FailureCategory.PERMANENT_ERROR,
    FaultKind.UNAUTHORIZED: FailureCategory.AUTHENTICATION,
    FaultKind.FORBIDDEN: FailureCategory.PERMANENT_ERROR,
    FaultKind.DUPLICATE_ROW: FailureCategory.UNKNOWN,
    FaultKind.DROP_ROW: FailureCategory.UNKNOWN,
    FaultKind.DROP_KEY: FailureCategory.UNKNOWN,
    FaultKind.REPLACE: FailureCategory.UNKNOWN,
    FaultKind.EXTRA_COLUMN: FailureCategory.UNKNOWN,
}


class Expected(NamedTuple):
    """What becomes of an import: `attempts` are the requests of the phase, `waited` the seconds between attempts."""

    fate: Fate
    attempts: int
    waited: float = 0
    rejected: int = 0


COMPLETE, ONE_BATCH, BATCHES = Fate.COMPLETE, Fate.ONE_BATCH_FAILED, Fate.BATCHES_FAILED
TYPE, STOPPED = Fate.TYPE_UNAVAILABLE, Fate.STOPPED
# 2, 4, 8 and 16 s before the second to the fifth attempt.
LONGEST = 30
# phase, kinds ("passing", or names), after one fault, after a fault that lasts.
TABLE: tuple[tuple[str, str, Expected, Expected], ...] = (
    ("bounds", "passing", Expected(COMPLETE, 2, 2), Expected(STOPPED, 5, LONGEST)),
    ("bounds", "400 403", Expected(TYPE, 1), Expected(TYPE, 1)),
    ("bounds", "401", Expected(COMPLETE, 2), Expected(STOPPED, 2)),
    ("bounds", "drop_key drop_row replace duplicate_row", Expected(STOPPED, 1), Expected(STOPPED, 1)),
    ("bounds", "extra_column", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    # Two queries, one after the other.
    ("histogram", "passing", Expected(COMPLETE, 3, 2), Expected(STOPPED, 5, LONGEST)),
    # Whoever may not count by buckets walks the ids.
    ("histogram", "400", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    ("histogram", "401", Expected(COMPLETE, 3), Expected(STOPPED, 2)),
    ("histogram", "403", Expected(TYPE, 1), Expected(TYPE, 1)),
    ("histogram", "drop_key replace duplicate_row", Expected(STOPPED, 1), Expected(STOPPED, 1)),
    ("histogram", "drop_row extra_column", Expected(COMPLETE, 2), Expected(COMPLETE, 2)),
    # Three batches are counted together, and each alone where that fails.
    ("count", "passing", Expected(COMPLETE, 2, 2), Expected(BATCHES, 20, 4 * LONGEST)),
    ("count", "400", Expected(COMPLETE, 4), Expected(BATCHES, 4)),
    ("count", "401", Expected(COMPLETE, 2), Expected(BATCHES, 2)),
    ("count", "403", Expected(BATCHES, 1), Expected(BATCHES, 1)),
    ("count", "drop_key drop_row replace duplicate_row", Expected(COMPLETE, 4), Expected(BATCHES, 4)),
    ("count", "extra_column", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    ("first page", "passing", Expected(COMPLETE, 2, 2), Expected(ONE_BATCH, 5, LONGEST)),
    ("first page", "400 duplicate_row", Expected(ONE_BATCH, 1), Expected(ONE_BATCH, 1)),
    ("first page", "401", Expected(COMPLETE, 2), Expected(BATCHES, 2)),
    ("first page", "403", Expected(BATCHES, 1), Expected(BATCHES, 1)),
    ("first page", "drop_key replace extra_column", Expected(COMPLETE, 1, 0, 1), Expected(COMPLETE, 1, 0, 1)),
    # The count tells of a row that is missing, so that the batch is read once more.
    ("first page", "drop_row", Expected(COMPLETE, 2), Expected(ONE_BATCH, 2)),
    ("later page", "passing", Expected(COMPLETE, 2, 2), Expected(ONE_BATCH, 5, LONGEST)),
    ("later page", "400 duplicate_row", Expected(ONE_BATCH, 1), Expected(ONE_BATCH, 1)),
    ("later page", "401", Expected(COMPLETE, 2), Expected(BATCHES, 2)),
    ("later page", "403", Expected(BATCHES, 1), Expected(BATCHES, 1)),
    ("later page", "drop_key replace extra_column", Expected(COMPLETE, 1, 0, 1), Expected(COMPLETE, 1, 0, 1)),
    ("later page", "drop_row", Expected(COMPLETE, 3), Expected(ONE_BATCH, 4)),
    # It is asked for the plan; without it all is read, and it is asked for again with the rows.
    ("time", "passing", Expected(COMPLETE, 2, 2), Expected(COMPLETE, 10, 2 * LONGEST)),
    ("time", "400 403", Expected(COMPLETE, 2), Expected(COMPLETE, 2)),
    ("time", "401", Expected(COMPLETE, 2), Expected(STOPPED, 2)),
    ("census", "passing", Expected(COMPLETE, 2, 2), Expected(TYPE, 5, LONGEST)),
    # Whoever may not ask what changed reads all.
    ("census", "400", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    ("census", "401", Expected(COMPLETE, 2), Expected(STOPPED, 2)),
    ("census", "403 drop_key drop_row replace duplicate_row", Expected(TYPE, 1), Expected(TYPE, 1)),
    ("census", "extra_column", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    ("changed ids", "passing", Expected(COMPLETE, 2, 2), Expected(TYPE, 5, LONGEST)),
    ("changed ids", "400 403 replace", Expected(TYPE, 1), Expected(TYPE, 1)),
    ("changed ids", "401", Expected(COMPLETE, 2), Expected(STOPPED, 2)),
    # The counts of its bucket tell of an id that is missing.
    ("changed ids", "drop_key drop_row duplicate_row extra_column", Expected(COMPLETE, 1), Expected(COMPLETE, 1)),
    # For the time, which an import can do without, and for the first count.
    ("token", "passing", Expected(COMPLETE, 2, 2), Expected(STOPPED, 10, 2 * LONGEST)),
    ("token", "400 401 403", Expected(COMPLETE, 2), Expected(STOPPED, 2)),
)
# One of each reaction, where the others would be no different: all kinds are met once in each phase of WITH_ALL_KINDS,
# and lasting ones on the first page.
REPRESENTATIVES = {"400", "401", "403", "429", "503", "empty", "duplicate_row", "drop_key", "drop_row"}
# Of those that last, elsewhere than on the first page: one that is tried again, one that is not, one that lies.
LASTING = {"503", "400", "drop_key"}
WITH_ALL_KINDS = {"bounds", "count", "first page", "census", "token"}
# Each costs a wait, or five.
WITH_HANGS = {("count", False), ("first page", False), ("first page", True), ("census", False), ("token", False)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One import: a fault that happens once or lasts, and what is expected."""

    phase: str
    kind: FaultKind
    scheme: str
    lasts: bool
    expected: Expected
    retry_after: str | None = None

    def __str__(self) -> str:
        kind = self.kind.value if self.retry_after is None else f"{self.kind.value} after {self.retry_after} s"
        return f"{self.phase}, {kind} {'lasting' if self.lasts else 'once'}, {self.scheme}"

    @property
    def categories(self) -> frozenset[FailureCategory]:
        if self.expected.fate in {COMPLETE, TYPE}:
            return frozenset()
        if self.phase == "token" and self.kind not in PASSING:
            return frozenset({FailureCategory.AUTHENTICATION})
        if self.phase == "token" and self.kind in {FaultKind.EMPTY, FaultKind.EMPTY_BODY}:
            return frozenset({_UNAVAILABLE})
        return frozenset({CATEGORIES[self.kind]})

    def fault(self) -> Fault:
        phase = PHASES[self.phase]
        return Fault(
            self.kind,
            times=None if self.lasts else 1,
            match=phase.match,
            endpoint=phase.endpoint,
            seconds=600,
            retry_after=self.retry_after,
            column="surprise" if self.kind is FaultKind.EXTRA_COLUMN else phase.column,
            value="much",
        )


def _cases() -> Iterator[Case]:
    for phase, names, once, lasting in TABLE:
        kinds = list(PASSING) if names == "passing" else [FaultKind(name) for name in names.split()]
        for kind in kinds:
            for lasts in (False, True):
                case = Case(phase=phase, kind=kind, scheme="tba", lasts=lasts, expected=lasting if lasts else once)
                yield from (replace(case, scheme=scheme) for scheme in _schemes(case))
    # 7 s instead of 2 and 4, but not of 8 and 16.
    asked = Case(
        phase="first page",
        kind=FaultKind.TOO_MANY_REQUESTS,
        scheme="tba",
        lasts=False,
        expected=Expected(COMPLETE, 2, 7),
        retry_after="7",
    )
    yield asked
    yield replace(asked, lasts=True, expected=Expected(ONE_BATCH, 5, 7 + 7 + 8 + 16))


def _schemes(case: Case) -> Sequence[str]:
    """With which ways of logging in the case is tried."""
    represents = case.kind.value in REPRESENTATIVES
    if case.kind is FaultKind.HANG and (case.phase, case.lasts) not in WITH_HANGS:
        return ()
    if case.phase == "token":
        return ("m2m",) if represents or not case.lasts else ()
    if case.phase == "first page":
        return ("tba", "m2m") if represents and not case.lasts else ("tba",)
    if case.lasts:
        return ("tba",) if case.kind.value in LASTING else ()
    return ("tba",) if represents or (case.phase in WITH_ALL_KINDS and not case.lasts) else ()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    keys = create_key_pair(folder)
    clock = Clock()
    dataset = Dataset.generated(records=40, seed=3, clock=clock)
    with (
        pytest.MonkeyPatch.context() as patch,
        SandboxServer(dataset=dataset, m2m_certificate=keys.certificate) as server,
    ):
        # Nothing here is encrypted, and reading the world's authorities takes longer than an import.
        patch.setattr("certifi.where", lambda: str(keys.certificate))
        for module in (client_module, histogram):
            patch.setattr(module, "PAGE_SIZE", ROWS_IN_A_PAGE)
        founded = Company.founded(server, keys, file=folder / "warehouse.db", clock=clock)
        assert (founded.batches[0], len(founded.batches)) == (FIRST, 3)
        yield founded
        founded.engine.dispose()


@pytest.fixture
def sandbox(company: Company) -> Iterator[SandboxServer]:
    company.sandbox.stats.reset()
    yield company.sandbox
    company.sandbox.faults.clear()


@pytest.fixture
def longest_waits(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jitter that always takes the most it may."""
    monkeypatch.setattr(retry, "_backoff", wait_random_exponential(multiplier=2, max=retry.LONGEST_WAIT))
    monkeypatch.setattr("tenacity.wait.random.uniform", lambda _, most: most)


@pytest.mark.parametrize("case", list(_cases()), ids=str)
def test_what_becomes_of_an_import(
    case: Case, company: Company, longest_waits: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phase, waits = PHASES[case.phase], list[float]()
    patience = {"netsuite_timeout": PATIENCE} if case.kind is FaultKind.HANG else {}
    settings = settings_for(company.sandbox, company.keys, scheme=case.scheme, **patience)
    warehouse = company.warehouse(outdated=phase.mode is INCREMENTAL)
    before = warehouse.rows()
    company.sandbox.faults.add(case.fault())

    result = Import(settings, waits.append).run(warehouse, mode=phase.mode)

    assert (result.fate, result.categories, result.rejected) == (case.expected.fate, case.categories, case.expected[3])
    done = (_attempts(company.sandbox, phase), round(sum(waits), 3))
    assert done == case.expected[1:3] or (patience and done > case.expected[1:3])
    assert all(result.reasons)
    assert not result.failed or case.expected.fate is BATCHES or result.failed == (FIRST,)
    assert _unlike(result, before=before, now=warehouse.rows(), current=company.current) == case.expected.rejected
    company.sandbox.faults.clear()
    if result.fate is not COMPLETE or result.rejected:
        assert Import(settings).run(warehouse, mode=phase.mode).fate is COMPLETE
    assert warehouse.rows() == company.current
    company.engine.dispose()
    _assert_no_secret(company, caplog.text, *result.reasons, company.file.read_bytes().decode("latin-1"))


def _attempts(sandbox: SandboxServer, phase: Phase) -> int:
    if phase.endpoint is Endpoint.QUERY:
        return sum(phase.match in sql for sql in sandbox.stats.queries)
    end = phase.match or "/token"
    return sum(sum(counts.values()) for path, counts in _requests(sandbox).items() if path.endswith(end))


def _requests(sandbox: SandboxServer) -> dict[str, dict[str, int]]:
    found = sandbox.stats.snapshot()["requests"]
    assert isinstance(found, dict)
    return found


def _unlike(result: Result, *, before: dict[int, str], now: dict[int, str], current: dict[int, str]) -> int:
    """How many rows are neither NetSuite's nor, in what was not imported, what they were before."""
    nothing = result.fate in {STOPPED, TYPE}
    ids = before.keys() | now.keys() | current.keys()
    untouched = {id_ for id_ in ids if nothing or any(id_ in batch for batch in result.failed)}
    return sum(now.get(id_) != (before if id_ in untouched else current).get(id_) for id_ in ids)


def _assert_no_secret(company: Company, *texts: str) -> None:
    known = company.sandbox.credentials
    key = [line for line in company.keys.private_key.read_text().splitlines() if not line.startswith("-----")]
    secrets = [known.consumer_secret, known.token_secret, known.consumer_key, known.token_id, *key]
    secrets += company.sandbox.account.authenticator._tokens
    assert not [secret for secret in secrets for text in texts if secret in text]
