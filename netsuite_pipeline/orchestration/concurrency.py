"""How the runs that import share NETSUITE_CONCURRENCY: equally, by the limit of their pool.

The limit is Dagster's (dagster.yaml, or Deployment > Concurrency in the UI); it holds for all machines.
"""

import dagster as dg

from netsuite_pipeline.orchestration.tags import NETSUITE_POOL
from netsuite_pipeline.settings import SettingsError


def pool_limit(instance: dg.DagsterInstance) -> int | None:
    """How many runs may talk to NetSuite at once; None if the instance does not limit them."""
    for pool in instance.event_log_storage.get_pool_limits():
        if pool.name == NETSUITE_POOL and not pool.from_default:
            return pool.limit
    return instance.get_concurrency_config().pool_config.default_pool_limit


def share_of(concurrency: int, *, runs: int | None) -> int:
    """The requests that each of `runs` runs may have in flight, when one slot is left for planning.

    One slot when nobody knows how many runs there are. SettingsError when there are more runs than slots.
    """
    if not runs:
        return 1
    if concurrency < runs:
        raise SettingsError(
            f"NETSUITE_CONCURRENCY={concurrency} is too little for the {runs} runs that the pool {NETSUITE_POOL} lets"
            " talk to NetSuite at once: raise it, or lower the limit of the pool (in dagster.yaml, or in the UI under"
            " Deployment, Concurrency)."
        )
    return max(1, (concurrency - 1) // runs)
