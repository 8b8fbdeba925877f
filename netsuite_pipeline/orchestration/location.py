"""The code location of a catalog: an asset, its check and a job per record type, the sensors and the schedule.

Another catalog gives another location, which is how tests and users' own types come in.
"""

import warnings

import dagster as dg

from netsuite_pipeline.orchestration.asset_checks import build_completeness_check
from netsuite_pipeline.orchestration.assets import build_record_asset
from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.jobs import build_import_job, build_start_import_job
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.schedules import build_schedules
from netsuite_pipeline.orchestration.sensors import build_discovery_sensor, build_dispatcher_sensor
from netsuite_pipeline.orchestration.waves_job import build_waves_job
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.settings import Settings


def build_definitions(catalog: Catalog, settings: Settings) -> dg.Definitions:
    """All Dagster definitions for the record types of `catalog`.

    Of the settings RUN_BATCHES and the times of the schedules are part of the definitions; each run reads the rest.
    """
    pipeline = PipelineResource()
    with warnings.catch_warnings():
        # Backfill policies of assets are marked beta; without one, every batch would cost a run of its own.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [build_record_asset(record_type, catalog, run_batches=settings.run_batches) for record_type in catalog]
    import_jobs = [build_import_job(record_type) for record_type in catalog]
    start_import = build_start_import_job(catalog)
    return dg.Definitions(
        assets=assets,
        asset_checks=[build_completeness_check(record_type, catalog) for record_type in catalog],
        jobs=[*import_jobs, start_import, build_waves_job(catalog)],
        sensors=[build_dispatcher_sensor(catalog, import_jobs), build_discovery_sensor(catalog)],
        schedules=build_schedules(start_import, settings),
        # One process per run: it starts sooner, and its death is the run's.
        executor=dg.in_process_executor,
        resources={"pipeline": pipeline, "warehouse": WarehouseIOManager(catalog=catalog, pipeline=pipeline)},
    )
