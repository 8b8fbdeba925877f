"""How a process becomes a tenant's: the tenant's variables are laid over its environment, before settings are read.

A process becomes one tenant's at most, and what it starts is that tenant's too. The secrets of the others are taken
out of its environment.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from netsuite_pipeline.settings import CREDENTIALS, Settings
from netsuite_pipeline.tenancy.file import WAREHOUSE, Tenant, Tenants, TenantsError, read_tenants
from netsuite_pipeline.tenant_name import VARIABLE, tenant_of_process

# Whose process this is already. A run inherits it and does not read the file again: a mistake in it, or half of it
# being saved, stops nothing that goes on.
ACTIVE = "NETSUITE_TENANT_ACTIVE"
# Whose account and database it is. All other variables of the deployment are every tenant's, unless it has its own.
_OWN = ("NETSUITE_ACCOUNT_ID", "NETSUITE_BASE_URL", WAREHOUSE, "INTEGRATION_ID", *CREDENTIALS)
_THIS_MACHINE = dict.fromkeys(("localhost", "::1", ""), "127.0.0.1")
_PORTS = {"mysql": 3306, "mariadb": 3306}


def tenants_file() -> Path | None:
    """The file of several companies, if there is one; TenantsError if it is no absolute path.

    Read before and apart from the settings, which are to be the tenant's.
    """
    named = os.environ.get("TENANTS_FILE")
    if named and not Path(named).is_absolute():
        raise TenantsError(f"TENANTS_FILE is not usable: {named} is no absolute path, which all processes understand.")
    return Path(named) if named else None


def chosen_tenants() -> Tenants:
    """The companies of TENANTS_FILE; TenantsError if it is not set."""
    file = tenants_file()
    if file is None:
        raise TenantsError(
            "TENANTS_FILE is not set: give the absolute path of the file of several companies;"
            " docs/tenants.example.yaml is one."
        )
    return read_tenants(file)


def activate_chosen() -> None:
    """Makes this process the one of NETSUITE_TENANT, if that is set."""
    if name := tenant_of_process():
        activate(name)


def activate(name: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Makes this process the one of the tenant called `name`.

    Again for the same tenant it does nothing. TenantsError for another one, and for what is wrong with the file or
    with the tenant's variables.
    """
    active = environment.get(ACTIVE)
    if active == name:
        return
    if active is not None:
        raise TenantsError(
            f"This process works for the tenant {active} and cannot work for {name} too: start another one for it."
        )
    tenants = chosen_tenants()
    tenant = tenants.get(name)
    variables = variables_of(tenants, tenant, environment)
    for other in tenants:
        for holder in set(other.secrets.values()) - set(tenant.secrets.values()):
            # Dagster's own are needed in every process.
            if not holder.startswith("DAGSTER_"):
                environment.pop(holder, None)
    for variable in _OWN:
        environment.pop(variable, None)
    environment.update(variables | {VARIABLE: name, ACTIVE: name})


def variables_of(tenants: Tenants, tenant: Tenant, environment: Mapping[str, str]) -> dict[str, str]:
    """The tenant's variables with their values.

    TenantsError for a secret that the environment does not hold, and for a database that is another tenant's too.
    """
    found = dict(tenant.settings)
    for variable, holder in tenant.secrets.items():
        value = environment.get(holder)
        if not value:
            raise tenants.error(
                tenant,
                variable,
                f"{holder} is not set, which holds {variable} of {tenant.name!r}; set it where the daemon, the web"
                " server and this command start.",
            )
        found[variable] = value
    _check_database(tenants, tenant, environment)
    if tenant.integration_id is not None:
        found["INTEGRATION_ID"] = str(tenant.integration_id)
    return found


def settings_of(tenants: Tenants, tenant: Tenant) -> Settings:
    """The settings of a process of the tenant's, without making this one it; SettingsError."""
    variables = dict.fromkeys(_OWN) | variables_of(tenants, tenant, os.environ) | {VARIABLE: tenant.name}
    return Settings.load(**{variable.lower(): value for variable, value in variables.items()})


def database_of(url: str) -> tuple[object, ...]:
    """What a database URL leads to, whoever logs in and however the driver is called."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        # The settings say what is wrong with it.
        return (url,)
    backend = parts.get_backend_name()
    if backend == "sqlite":
        return (backend, Path(os.environ.get("DAGSTER_HOME", ""), parts.database or "").absolute())
    host = (parts.host or "").lower()
    # Names of databases differ in case on some servers only; two companies need not try.
    return (_THIS_MACHINE.get(host, host), parts.port or _PORTS.get(backend), (parts.database or "").lower())


def _check_database(tenants: Tenants, tenant: Tenant, environment: Mapping[str, str]) -> None:
    mine = database_of(environment[tenant.secrets[WAREHOUSE]])
    for other in tenants:
        url = environment.get(other.secrets[WAREHOUSE])
        if other is not tenant and url and database_of(url) == mine:
            raise tenants.error(
                tenant,
                WAREHOUSE,
                f"{tenant.name!r} has the database of {other.name!r}, and each would overwrite the other's rows; give"
                f" it another one in {tenant.secrets[WAREHOUSE]}.",
            )
