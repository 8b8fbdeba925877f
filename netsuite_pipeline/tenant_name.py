"""The tenant that a process works for, and what a tenant may be called.

A process works for one tenant at most. Its name is in NETSUITE_TENANT, which `tenancy` sets and everything that a
process starts inherits; the settings are read after that.
"""

import os
import re

VARIABLE = "NETSUITE_TENANT"
# Names of jobs and pools begin with it, and have to fit where Dagster and people read them.
LONGEST = 20
# No two underscores in a row, which is where the tenant ends in such a name.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def tenant_of_process() -> str | None:
    """The tenant's name; None where one company has a deployment to itself."""
    return os.environ.get(VARIABLE) or None


def name_fault(name: str) -> str | None:
    """Why no tenant can be called `name`; None if one can."""
    if _NAME.fullmatch(name) is None:
        return (
            f"{name!r} cannot be a tenant's name, which has lower-case letters, digits and single underscores, a letter"
            " first"
        )
    if len(name) > LONGEST:
        return f"{name!r} is too long for a tenant's name, with {len(name)} characters instead of at most {LONGEST}"
    return None
