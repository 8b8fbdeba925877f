"""The names by which one Dagster instance knows what is ours, with the tenant's in front where there is one.

Named here is what belongs to the instance: assets, partitions, jobs, pools. Sensors and schedules are told apart by
their code location, and operations and groups mean something inside of one only.
"""

import dagster as dg

from netsuite_pipeline.tenant_name import tenant_of_process


def asset_key(record_type: str) -> dg.AssetKey:
    """The asset of a record type."""
    tenant = tenant_of_process()
    return dg.AssetKey([tenant, record_type] if tenant else [record_type])


def record_type_of(key: dg.AssetKey) -> str | None:
    """The record type whose asset it is; None for another company's and for people's own."""
    return key.path[-1] if key == asset_key(key.path[-1]) else None


def partitions_name(record_type: str) -> str:
    """The name under which the instance keeps the batches of a record type."""
    return _of_tenant(f"{record_type}_batches")


def import_job_name(record_type: str) -> str:
    """The Dagster job that imports batches of one record type."""
    return _of_tenant(f"import_{record_type}")


def start_import_name() -> str:
    """The Dagster job that plans an import."""
    return _of_tenant("start_import")


def waves_name() -> str:
    """The Dagster job that looks after an import."""
    return _of_tenant("waves")


def netsuite_pool() -> str:
    """The pool that limits the runs that talk to an account at once; dagster.yaml sets how many."""
    return pool_of(tenant_of_process())


def pool_of(tenant: str | None) -> str:
    """That pool of any tenant's."""
    return _prefixed(tenant, "netsuite_api")


def _of_tenant(name: str) -> str:
    return _prefixed(tenant_of_process(), name)


def _prefixed(tenant: str | None, name: str) -> str:
    # Two underscores are in no tenant's name, so that it is clear where it ends.
    return f"{tenant}__{name}" if tenant else name
