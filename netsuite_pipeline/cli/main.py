"""The entry point: the sub-commands, and the one place where an error becomes a sentence and an exit code.

What a command does is in the module of its name.
"""

import os
import sys
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.cli.console import errors
from netsuite_pipeline.cli.db import db_app
from netsuite_pipeline.cli.demo import demo
from netsuite_pipeline.cli.dev import dev
from netsuite_pipeline.cli.doctor import doctor
from netsuite_pipeline.cli.graph import graph
from netsuite_pipeline.cli.imports import imports_app
from netsuite_pipeline.cli.plan import plan
from netsuite_pipeline.cli.processes import ProcessFailedError
from netsuite_pipeline.cli.record_types import record_types_app
from netsuite_pipeline.cli.rejects import rejects_app
from netsuite_pipeline.cli.tenants import tenants_app
from netsuite_pipeline.cli.waves import waves_app
from netsuite_pipeline.orchestration.faults import EXPECTED
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.sandbox.command import sandbox_app
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.tenancy.activation import activate, chosen_tenants, tenants_file
from netsuite_pipeline.tenancy.file import TenantsError
from netsuite_pipeline.tenant_name import VARIABLE, tenant_of_process
from netsuite_pipeline.warehouse.errors import warehouse_error

# Exit codes: 0 all well, 1 the import ended incomplete or could not be done, 2 wrong arguments or settings.
INCOMPLETE = 1
MISUSED = 2
# These have settings of their own, or look at all tenants.
_WITHOUT_TENANT = frozenset({"demo", "dev", "sandbox", "tenants"})


app = typer.Typer(
    name="netsuite-pipeline",
    help="NetSuite to MySQL, complete and restartable, in waves of batches.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(imports_app, name="import")
app.add_typer(waves_app, name="waves")
app.add_typer(record_types_app, name="record-types")
app.add_typer(rejects_app, name="rejects")
app.add_typer(db_app, name="db")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(tenants_app, name="tenants")
app.command()(plan)
app.command()(graph)
app.command()(doctor)
app.command()(demo)
app.command()(dev)


@app.callback()
def choose_tenant(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Option(help="Of several companies, the one to work for; NETSUITE_TENANT if not given.")
    ] = None,
) -> None:
    """NetSuite to MySQL, complete and restartable, in waves of batches."""
    command = context.invoked_subcommand
    if command in _WITHOUT_TENANT:
        if tenant is not None:
            raise TenantsError(f"`{command}` works for no single tenant: leave --tenant out.")
        # Set for other commands; what is started here must not become that tenant's.
        os.environ.pop(VARIABLE, None)
        return
    if "--help" in sys.argv:
        return
    if name := tenant or tenant_of_process():
        activate(name)
    elif file := tenants_file():
        known = chosen_tenants().names
        raise TenantsError(
            f"There are several companies in {file}: name one, e.g. --tenant {known[0]} ({', '.join(known)})."
        )


def run() -> None:
    """Runs the command; whatever is expected to go wrong is one sentence on stderr and never a traceback."""
    try:
        app()
    except (SettingsError, CatalogError) as error:
        _explain(error)
        sys.exit(MISUSED)
    except (*EXPECTED, ProcessFailedError) as error:
        _explain(error)
        sys.exit(INCOMPLETE)
    except DBAPIError as error:
        # The wave tables pass on what the driver says, e.g. when the server is restarted under `--watch`.
        _explain(warehouse_error(error, doing="Reading or writing the wave tables"))
        sys.exit(INCOMPLETE)
    except KeyboardInterrupt:
        sys.exit(130)


def _explain(error: Exception) -> None:
    errors.print(Text.assemble(("error: ", "red"), str(error)), soft_wrap=True)
