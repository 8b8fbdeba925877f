"""Which names are refused, and what things are called that cannot keep theirs."""

import keyword

import dagster as dg
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES

from netsuite_pipeline.orchestration.jobs import START_IMPORT_OP
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import import_job_name, start_import_name
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom_names import (
    TAKEN,
    name_fault,
    type_name_fault,
    unique_name,
    usable_name,
    usable_type_name,
)
from netsuite_pipeline.record_types.model import RecordType, Source, text
from netsuite_pipeline.settings import Settings

TAKEN_BY_JOBS = [START_IMPORT_OP, start_import_name(), import_job_name("customer")]


@pytest.mark.parametrize("name", sorted({*DISALLOWED_NAMES, *keyword.kwlist, *TAKEN_BY_JOBS}))
def test_names_that_dagster_or_our_jobs_have_are_no_types(name: str) -> None:
    assert type_name_fault(name) is not None
    assert type_name_fault(usable_type_name(name.lower())) is None


@pytest.mark.parametrize("name", TAKEN_BY_JOBS)
def test_a_type_with_the_name_of_a_job_would_stop_dagster(name: str) -> None:
    taken = RecordType(name=name, id=5, table="cars", source=Source(table="cars"), fields=(text("name", 9),))
    with pytest.raises((dg.DagsterInvalidDefinitionError, dg.DagsterInvariantViolationError)):
        dg.Definitions.validate_loadable(build_definitions(CATALOG.extended(taken), Settings()))


@pytest.mark.parametrize("source", ["level", "Order", "_x", "1a", "external_id", "record_type", "x" * 70, "audit"])
def test_every_column_has_a_usable_name(source: str) -> None:
    name = usable_name(source)
    assert name_fault(name) is None
    assert name not in TAKEN


def test_a_name_is_kept_where_it_can_be() -> None:
    assert usable_name("custentity_Region") == "custentity_region"
    assert usable_type_name("customrecord_order") == "customrecord_order"


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert unique_name("a", {"b"}) == "a"
    assert unique_name("a", {"a", "a_2"}) == "a_3"
    assert unique_name("x" * 59, {"x" * 59}) == "x" * 57 + "_2"
