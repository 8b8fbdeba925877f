"""DataFrames between the warehouse and people's own assets: what Dagster's contexts say, in terms of the warehouse.

How a frame is written and read is in `warehouse.frame_upsert` and `warehouse.frames`.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from netsuite_pipeline.orchestration.names import asset_key, record_type_of
from netsuite_pipeline.orchestration.partitions import ranges_of
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.tenant_name import tenant_of_process
from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_options import FrameOptions
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_upsert import FrameWritten, upsert_frame
from netsuite_pipeline.warehouse.frames import read_asset_frame, read_frame

if TYPE_CHECKING:
    import pandas as pd

_ALL_IDS = BatchRange(-(2**63), 2**63 - 1)


def write_frame(context: dg.OutputContext, obj: Any, *, catalog: Catalog, pipeline: PipelineResource) -> None:
    """Upserts the DataFrame that an asset returned; FrameError for anything else, and for an asset declared wrong."""
    # Not before: it costs every run of an import half a second.
    import pandas as pd

    if not context.has_asset_key:
        raise FrameError(f"The output {context.name} is no asset's, and only assets have tables in the warehouse.")
    name = context.asset_key.path[-1]
    if not isinstance(obj, pd.DataFrame):
        raise FrameError(
            f"Asset {name} returned {type(obj).__name__}, and the IO manager `warehouse` keeps pandas DataFrames:"
            " return one, or give the asset another IO manager."
        )
    if name in catalog:
        raise FrameError(
            f"Asset {context.asset_key.to_user_string()} has the name of a record type of NetSuite's, for which"
            " consumers would take it: give it another."
        )
    partitions = context.asset_partition_keys if context.has_asset_partitions else None
    target = FrameTarget.of(
        context.definition_metadata, asset=name, partitions=partitions, reserved=warehouse_metadata(catalog).tables
    )
    with pipeline.engine() as engine:
        written = upsert_frame(engine, obj, target)
    context.add_output_metadata(_metadata(written, target))


def load_frame(context: dg.InputContext, *, catalog: Catalog, pipeline: PipelineResource) -> "pd.DataFrame":
    """The rows of the partitions that the consumer asks for of a record type or of an asset whose frames we keep.

    All rows if the asset has no partitions, or none that the consumer's project knows.
    """
    name = context.asset_key.path[-1]
    options = FrameOptions.of(context.definition_metadata, asset=name)
    partitions = context.asset_partition_keys if context.has_asset_partitions else None
    if name in catalog:
        if tenant_of_process() and record_type_of(context.asset_key) is None:
            # Its rows would be those of the wrong company, and nobody would notice.
            raise FrameError(
                f"Asset {context.asset_key.to_user_string()} is no record type of the tenant {tenant_of_process()},"
                f" whose rows are the only ones that this process can read: take {asset_key(name).to_user_string()}."
            )
        ranges = (_ALL_IDS,) if partitions is None else ranges_of(partitions)
        with pipeline.engine() as engine:
            return read_frame(engine, catalog.get(name), ranges, options=options, warn=context.log.warning)
    upstream = context.upstream_output
    target = FrameTarget.of(
        upstream.definition_metadata if upstream else {},
        asset=name,
        partitions=partitions,
        reserved=warehouse_metadata(catalog).tables,
    )
    with pipeline.engine() as engine:
        return read_asset_frame(engine, target, options=options, warn=context.log.warning)


def _metadata(written: FrameWritten, target: FrameTarget) -> dict[str, int | float]:
    # Of several partitions in one run nobody knows how many rows each has.
    single = target.partitions is not None and len(target.partitions) == 1
    count = {"dagster/partition_row_count": written.rows} if single else {"rows": written.rows}
    return {
        **count,
        "inserted": written.inserted,
        "updated": written.updated,
        "unchanged": written.unchanged,
        "deleted": written.deleted,
        "seconds": round(written.seconds, 3),
    }
