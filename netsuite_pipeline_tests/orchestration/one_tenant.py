"""What a process of one tenant does, run as a process of its own: loads its location, imports, says what it holds.

`python one_tenant.py acme price_level subsidiary` prints one JSON object. The location is loaded as Dagster's code
servers and runs load it: by an attribute of `netsuite_pipeline.tenants`.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import dagster as dg
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from netsuite_pipeline_tests.orchestration.runs import batches, plan, run_batches


def main(tenant: str, record_types: list[str]) -> None:
    """Imports the record types; none of them depends on another."""
    warnings.simplefilter("ignore")
    pointer = CodePointer.from_module("netsuite_pipeline.tenants", tenant, str(Path.cwd()))
    definitions = pointer.load_target()
    assert isinstance(definitions, dg.Definitions)
    repository = repository_def_from_target_def(definitions)
    assert repository is not None
    with dg.DagsterInstance.get() as instance:
        assert plan(definitions, instance, *record_types).success
        for name in record_types:
            assert run_batches(definitions, instance, name, batches(instance, name)).success
    snapshot = serialize_value(RepositorySnap.from_def(repository))
    print(json.dumps({"environment": dict(os.environ), "location": snapshot}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
