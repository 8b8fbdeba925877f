"""How the runs that import share the budget of requests in flight: equally, by the limit of their pool.

The limit is Dagster's (dagster.yaml, or Deployment > Concurrency in the UI); it holds for all machines.
"""

import dagster as dg

from netsuite_pipeline.netsuite.budget import Budget, budget_of
from netsuite_pipeline.orchestration.names import netsuite_pool
from netsuite_pipeline.settings import Settings, SettingsError


def pool_limit(instance: dg.DagsterInstance, *, pool: str | None = None) -> int | None:
    """How many runs may talk to NetSuite at once; None if the instance does not limit them.

    By the pool of this process's account, unless another `pool` is named.
    """
    name = pool or netsuite_pool()
    for known in instance.event_log_storage.get_pool_limits():
        if known.name == name and not known.from_default:
            return known.limit
    return instance.get_concurrency_config().pool_config.default_pool_limit


def ensure_pool(instance: dg.DagsterInstance) -> None:
    """Makes the pool known to the instance, before runs are.

    When Dagster's queue meets the first runs of a pool, it notes the pool and does not limit them yet.
    """
    name, storage = netsuite_pool(), instance.event_log_storage
    is_limited = instance.get_concurrency_config().pool_config.default_pool_limit is not None
    if is_limited and all(pool.name != name for pool in storage.get_pool_limits()):
        storage.initialize_concurrency_limit_to_default(name)


def share_of(settings: Settings, *, runs: int | None) -> Budget:
    """What each of `runs` runs may have in flight, when one request is left for planning.

    One request when nobody knows how many runs there are. SettingsError when there are more runs than requests.
    """
    if not runs:
        return Budget(usual=1)
    whole = budget_of(settings)
    reserve = settings.netsuite_reserve
    setting = f"NETSUITE_CONCURRENCY={settings.netsuite_concurrency}"
    usual = _share(whole.usual, runs=runs, setting=f"{setting} less NETSUITE_RESERVE={reserve}" if reserve else setting)
    if whole.business is None:
        return Budget(usual=usual)
    business = _share(whole.business, runs=runs, setting=f"NETSUITE_BUSINESS_CONCURRENCY={whole.business}")
    return Budget(usual=usual, business=business, hours=whole.hours)


def _share(requests: int, *, runs: int, setting: str) -> int:
    if requests < runs:
        raise SettingsError(
            f"{setting} is too little for the {runs} runs that the pool {netsuite_pool()} lets talk to NetSuite at"
            " once: raise it, or lower the limit of the pool (in dagster.yaml, or in the UI under Deployment,"
            " Concurrency)."
        )
    return max(1, (requests - 1) // runs)
