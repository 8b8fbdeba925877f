"""Which record types an import brings in without all of what they depend on. Pure.

Nothing of it is stored: it follows from what failed for good or is unavailable in the same import, and is over as soon
as `waves retry` has the rest.
"""

from collections.abc import Collection, Mapping

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.waves.progress import JobSummary


def lacking(record_type: str, incomplete: Collection[str], catalog: Catalog) -> tuple[str, ...]:
    """Those of the `incomplete` record types that this one depends on, also through others, in dependency order."""
    # A job may have been planned with declarations that are gone since.
    if record_type not in catalog:
        return ()
    needed = catalog.select(catalog.get(record_type).depends_on, dependencies=True)
    return tuple(known.name for known in needed if known.name in incomplete)


def partial_types(summary: JobSummary, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    """The record types of the import that are partial, each with what it lacks; one without batches lacks nothing."""
    incomplete = {kind.record_type for kind in summary.types if kind.is_incomplete}
    found = {
        kind.record_type: lacking(kind.record_type, incomplete, catalog) for kind in summary.types if kind.total_batches
    }
    return {name: names for name, names in found.items() if names}


def without_all_of(names: Collection[str]) -> str:
    """What a record type lacks, for people."""
    return f"imported without all of {', '.join(names)}"
