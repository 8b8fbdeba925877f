"""The pipeline as a Dagster component, for projects that hold other things too: `dg scaffold defs` makes a defs.yaml.

A thin wrapper: the record types stay in RECORD_TYPES_FILE, because command and planner need all of them as well.
"""

import dagster as dg

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.tenancy.activation import activate_chosen


class NetSuiteImport(dg.Component, dg.Model, dg.Resolvable):
    """Every asset, job, sensor and schedule of the NetSuite import, the user's own record types among them."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """The definitions of the built-in record types and of RECORD_TYPES_FILE."""
        activate_chosen()
        settings = Settings.load()
        return build_definitions(load_catalog(settings), settings)
