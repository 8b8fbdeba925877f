"""Which record types of an import are partial, because what they depend on is not all there."""

import pytest
from sqlalchemy import update

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.waves.dependents import lacking, partial_types, without_all_of
from netsuite_pipeline.waves.model import BatchStatus, TypeStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import import_job_types, wave_batches
from netsuite_pipeline_tests.waves.conftest import JOB, SavePlan

LEVELS = {"subsidiary": (0, 1), "customer": (1, 2), "vendor": (1, 1), "opportunity": (2, 1), "sales_order": (3, 1)}


def _set(store: WaveStore, record_type: str, status: BatchStatus) -> None:
    """One of the type's batches gets that status."""
    of_type = (wave_batches.c.record_type == record_type, wave_batches.c.batch_number == 0)
    with store.engine.begin() as connection:
        connection.execute(update(wave_batches).where(*of_type).values(status=status))


def _partial(store: WaveStore) -> dict[str, tuple[str, ...]]:
    return dict(partial_types(store.job_summary(JOB), CATALOG))


def test_what_depends_on_a_type_with_a_failed_batch_is_partial_also_through_others(
    store: WaveStore, planned: SavePlan
) -> None:
    planned({**LEVELS, "charge": (3, 1)})
    assert _partial(store) == {}
    _set(store, "customer", BatchStatus.FAILED)
    # Charges depend on customers through projects, which are not in this import.
    assert _partial(store) == dict.fromkeys(("opportunity", "sales_order", "charge"), ("customer",))


def test_a_type_lacks_all_that_are_incomplete_in_the_order_of_dependencies(store: WaveStore, planned: SavePlan) -> None:
    planned(LEVELS)
    for name in ("opportunity", "subsidiary"):
        _set(store, name, BatchStatus.FAILED)
    assert _partial(store)["sales_order"] == ("subsidiary", "opportunity")
    assert _partial(store)["opportunity"] == ("subsidiary",)


def test_what_depends_on_an_unavailable_type_is_partial(store: WaveStore, planned: SavePlan) -> None:
    planned({**LEVELS, "customer": (1, 0)})
    with store.engine.begin() as connection:
        of_type = import_job_types.c.record_type == "customer"
        connection.execute(update(import_job_types).where(of_type).values(status=TypeStatus.UNAVAILABLE))
    assert _partial(store) == dict.fromkeys(("opportunity", "sales_order"), ("customer",))


@pytest.mark.parametrize("status", [BatchStatus.RETRYING, BatchStatus.PENDING, BatchStatus.COMPLETED])
def test_a_batch_that_may_still_succeed_or_did_makes_nothing_partial(
    store: WaveStore, planned: SavePlan, status: BatchStatus
) -> None:
    planned(LEVELS)
    _set(store, "customer", status)
    assert _partial(store) == {}


def test_a_type_of_which_nothing_is_imported_is_not_partial(store: WaveStore, planned: SavePlan) -> None:
    planned({**LEVELS, "sales_order": (3, 0)})
    _set(store, "customer", BatchStatus.FAILED)
    assert list(_partial(store)) == ["opportunity"]


def test_a_type_that_is_declared_no_more_lacks_nothing() -> None:
    assert lacking("gone", {"customer"}, CATALOG) == ()


def test_the_incomplete_types_are_those_whose_summaries_say_so(store: WaveStore, planned: SavePlan) -> None:
    planned(LEVELS)
    planned({"vendor": (0, 1)}, job="another")
    _set(store, "customer", BatchStatus.FAILED)
    with store.engine.begin() as connection:
        of_type = (import_job_types.c.job_id == JOB, import_job_types.c.record_type == "opportunity")
        connection.execute(update(import_job_types).where(*of_type).values(status=TypeStatus.UNAVAILABLE))
    said = {kind.record_type for kind in store.job_summary(JOB).types if kind.is_incomplete}
    assert store.incomplete_types(JOB) == said == {"customer", "opportunity"}
    assert store.incomplete_types("another") == frozenset()


def test_what_is_lacking_is_said() -> None:
    assert without_all_of(("customer", "vendor")) == "imported without all of customer, vendor"
