"""The run tags by which Dagster and the wave tables recognise each other; names are in `names`.

Constants only. Dagster's own tags are here too, because their names are no public constants.
"""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# The wave owns retries of a batch; a second mechanism would re-run a batch under a key that is no longer its own.
MAX_RETRIES = "dagster/max_retries"
# Dagster's queue launches runs with a higher one first; those of people and of backfills have none, which is 0.
PRIORITY = "dagster/priority"
# The first of the runs that try the same again has no such tag.
ROOT_RUN = "dagster/root_run_id"

JOB = "netsuite/job"
WAVE = "netsuite/wave"
DISPATCH = "netsuite/dispatch"
