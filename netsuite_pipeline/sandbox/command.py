"""The `sandbox` commands: serve a stand-in for NetSuite, and make a key pair for it.

`serve` prints its URL once requests are accepted, then the environment that points a client at it.
"""

import shlex
import signal
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from netsuite_pipeline.sandbox.availability import Feature
from netsuite_pipeline.sandbox.hostility import Hostility
from netsuite_pipeline.sandbox.keys import create_key_pair
from netsuite_pipeline.sandbox.server import SandboxServer

sandbox_app = typer.Typer(help="A stand-in for NetSuite on loopback.", no_args_is_help=True)


class PastCeilingChoice(StrEnum):
    """What happens to rows past 100,000 of one query."""

    SILENT = "silent"
    ERROR = "error"


@sandbox_app.command()
def serve(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = 0,
    records: Annotated[int, typer.Option(min=0, help="About how many importable records there are.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed and size give the same data.")] = 1,
    customers: Annotated[int | None, typer.Option(min=0, help="Exactly this many customers instead.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests the account takes at once.")] = 5,
    latency_ms: Annotated[int, typer.Option(min=0, help="The least milliseconds from a query to its answer.")] = 0,
    m2m_certificate: Annotated[
        Path | None, typer.Option(help="PEM certificate or public key of the OAuth 2.0 client.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="A table the account lacks; repeatable.")] = None,
    without_column: Annotated[
        list[str] | None, typer.Option(metavar="TABLE.COLUMN", help="A column the account lacks; repeatable.")
    ] = None,
    feature_off: Annotated[
        list[Feature] | None, typer.Option(help="A feature that is off, with all that depends on it; repeatable.")
    ] = None,
    past_100000: Annotated[
        PastCeilingChoice, typer.Option(help="Rows past 100,000: end in silence, or answer an error.")
    ] = PastCeilingChoice.SILENT,
    hostile: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="The share of requests that fail: 429, 5xx, hangs, resets, empty and broken answers, doubled and lost"
            " rows, by lot. The seed decides.",
        ),
    ] = 0,
) -> None:
    """Serve until interrupted (SIGINT or SIGTERM)."""
    for name in without_column or ():
        if "." not in name:
            raise _failure(f"A column is named TABLE.COLUMN, unlike {name!r}.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = SandboxServer(
            records=records,
            seed=seed,
            customers=customers,
            port=port,
            concurrency=concurrency,
            latency=latency_ms / 1000,
            m2m_certificate=m2m_certificate,
            without=(*(without or ()), *(without_column or ())),
            features_off=feature_off or (),
            past_ceiling=past_100000.value,
            hostility=Hostility(hostile, seed=seed) if hostile else None,
        )
    except OSError as error:
        what = f"start on port {port}" if error.filename is None else f"read {error.filename}"
        raise _failure(f"The sandbox cannot {what}: {error.strerror}.") from None
    except ValueError as error:
        raise _failure(str(error)) from None
    with server:
        typer.echo(server.base_url)
        for line in environment(server, m2m=m2m_certificate is not None):
            typer.echo(line)
        stop.wait()


@sandbox_app.command()
def credentials(directory: Annotated[Path, typer.Argument(help="Where the two PEM files go.")]) -> None:
    """Write a key and a certificate for OAuth 2.0 client credentials."""
    try:
        pair = create_key_pair(directory)
    except OSError as error:
        raise _failure(f"The key pair cannot be written to {directory}: {error.strerror}.") from None
    typer.echo(f"export NETSUITE_PRIVATE_KEY_FILE={shlex.quote(str(pair.private_key.resolve()))}")
    typer.echo(f"Start the sandbox with --m2m-certificate {shlex.quote(str(pair.certificate))}", err=True)


def environment(server: SandboxServer, *, m2m: bool) -> list[str]:
    """Shell lines that point a client at `server`; with `m2m`, all but the private key's file."""
    known = server.credentials
    values = {"NETSUITE_ACCOUNT_ID": known.account, "NETSUITE_BASE_URL": server.base_url}
    if m2m:
        values |= {
            "NETSUITE_AUTH": "m2m",
            "NETSUITE_CLIENT_ID": known.client_id,
            "NETSUITE_CERTIFICATE_ID": known.certificate_id,
        }
    else:
        values |= {
            "NETSUITE_AUTH": "tba",
            "NETSUITE_CONSUMER_KEY": known.consumer_key,
            "NETSUITE_CONSUMER_SECRET": known.consumer_secret,
            "NETSUITE_TOKEN_ID": known.token_id,
            "NETSUITE_TOKEN_SECRET": known.token_secret,
        }
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def _failure(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
