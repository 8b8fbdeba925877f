"""`dev`: the Dagster UI on the sandbox, for looking around and for developing. Ends with Ctrl-C."""

import time
from pathlib import Path
from typing import Annotated

import typer

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.local_stack import local_stack
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.custom import load_catalog


def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI, on loopback.")] = 3000,
    records: Annotated[int, typer.Option(help="Records in the sandbox, all types together.")] = 30_000,
    seed: Annotated[int, typer.Option(help="Seed of the sandbox's data.")] = 7,
    directory: Annotated[Path, typer.Option(help="Where databases and logs go.")] = Path(".dev"),
) -> None:
    """Start the sandbox, Dagster's daemon and the Dagster UI, until Ctrl-C."""
    with local_stack(directory) as stack:
        stack.start_sandbox(records=records, seed=seed)
        stack.upgrade_warehouse(load_catalog(PipelineResource().settings()))
        stack.start_daemon()
        stack.start_webserver(port=port)
        variables = stack.write_environment()
        results.print(f"The Dagster UI is starting on http://127.0.0.1:{port} (Ctrl-C ends everything).")
        results.print(f"Logs are in {directory / 'logs'}; batches appear on the assets within a minute.")
        results.print(f"For the netsuite-pipeline command in another shell: . {variables}")
        try:
            while True:
                stack.check()
                time.sleep(1)
        except KeyboardInterrupt:
            results.print("Stopping ...")
