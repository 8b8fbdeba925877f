"""A code location per tenant, for workspace.yaml: the attribute `acme` of this module is what `definitions` is to one.

Asking for it makes the process that tenant's, whether it is a code server or a run. What a tenant is, is in `tenancy`.
"""

from dagster import Definitions

from netsuite_pipeline.tenancy import activation as _activation

# No other name here may be one that a tenant can have.


def __getattr__(name: str) -> Definitions:
    if name.startswith("_"):
        # Python asks modules for such names.
        raise AttributeError(name)
    _activation.activate(name)
    # Not before: it reads the settings when it is imported.
    from netsuite_pipeline.definitions import defs

    return defs
