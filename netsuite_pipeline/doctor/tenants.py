"""Several companies in one deployment: which one is looked at, and what it shares with the others.

Nothing is checked here of a deployment that one company has to itself.
"""

from collections.abc import Mapping

from netsuite_pipeline.doctor.finding import Answer, Check, Group, listed, ok, warning
from netsuite_pipeline.tenancy.activation import chosen_tenants
from netsuite_pipeline.tenancy.file import Tenant, Tenants
from netsuite_pipeline.tenant_name import tenant_of_process


def tenant_checks() -> tuple[Check, ...]:
    """The check of TENANTS_FILE; none without a tenant."""
    tenant = tenant_of_process()
    if tenant is None:
        return ()
    return (
        Check(
            id="settings.tenant",
            group=Group.SETTINGS,
            attempted=f"{tenant} in TENANTS_FILE",
            look=lambda: tenant_answer(chosen_tenants(), tenant),
            remedy="correct the file that TENANTS_FILE names",
        ),
    )


def tenant_answer(tenants: Tenants, name: str) -> Answer:
    """Whether no other company has the account of the one called `name`, as far as the file tells."""
    mine = _account(tenants.get(name))
    others = [other.name for other in tenants if mine and other.name != name and _account(other) == mine]
    if others:
        return warning(
            f"account {mine} is {listed(others)}'s too, and each counts its requests in flight by itself",
            "let their NETSUITE_CONCURRENCY together be what the account has",
        )
    return ok(f"{len(tenants)} companies: {listed(tenants.names)}")


def turns_answer(runs: Mapping[str, int | None], *, at_once: int | None) -> Answer:
    """Whether the runs that each company may have by its pool fit in the queue's limit together."""
    unlimited = sorted(name for name, limit in runs.items() if limit is None)
    if unlimited:
        return warning(
            f"nothing limits the runs of {listed(unlimited)}, and the others wait for them",
            "set a limit of their pools",
        )
    whole = sum(limit or 0 for limit in runs.values())
    if at_once is not None and whole > at_once:
        return warning(
            f"{whole} runs of {len(runs)} companies by their pools, and {at_once} at once in all: companies wait"
            " for each other",
            f"set max_concurrent_runs to {whole} in dagster.yaml, or lower the limits of the pools",
        )
    return ok(f"{whole} runs of {len(runs)} companies by their pools; at once in all: {at_once or 'any number'}")


def _account(tenant: Tenant) -> str:
    return tenant.settings.get("NETSUITE_ACCOUNT_ID", "").upper().replace("-", "_")
