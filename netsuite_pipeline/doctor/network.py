"""The way to NetSuite: the host's name, and the certificate with which it answers. Nothing is sent and nobody logs in.

Where requests go through a proxy, both are its business; whether NetSuite answers is seen by `account`.
"""

import datetime as dt
import socket
import ssl
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, listed, ok, warning
from netsuite_pipeline.doctor.settings import LOAD, Configuration

DNS = "netsuite.dns"
TLS = "netsuite.tls"

_CONNECT_SECONDS = 15.0
_HTTPS_PORT = 443
_SOON = dt.timedelta(days=7)
_CLOCK_OR_PROXY = (
    "check this machine's clock, and whether a proxy of your company answers in NetSuite's place: its certificate"
    " authority belongs into the file that SSL_CERT_FILE names"
)


def network_checks(configuration: Configuration) -> tuple[Check, ...]:
    """The checks of the way to NetSuite."""
    return (
        Check(
            id=DNS,
            group=Group.NETSUITE,
            attempted="resolve NetSuite's host",
            look=lambda: dns_answer(_host(configuration)),
            needs=(LOAD,),
            remedy="the machine's name server does not answer: check the network",
        ),
        Check(
            id=TLS,
            group=Group.NETSUITE,
            attempted="TLS handshake with NetSuite",
            look=lambda: _tls(configuration),
            needs=(DNS,),
            remedy="check that the firewall lets this machine reach NetSuite on port 443",
        ),
    )


def dns_answer(host: str) -> Answer:
    """What the host's name stands for."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as problem:
        return error(
            f"{host}: {problem.strerror or problem}",
            "check NETSUITE_ACCOUNT_ID (or NETSUITE_BASE_URL) for typing errors, then this machine's name server",
        )
    return ok(f"{host} is {listed(sorted({str(entry[4][0]) for entry in found}), most=3)}")


def tls_answer(host: str, port: int, context: ssl.SSLContext, *, now: dt.datetime) -> Answer:
    """Whether the server proves who it is, and for how long it will; `now` is aware."""
    try:
        with (
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate, version = secured.getpeercert() or {}, secured.version()
    except ssl.SSLCertVerificationError as problem:
        return error(f"the certificate of {host} is not trusted: {problem.verify_message}", _CLOCK_OR_PROXY)
    except TimeoutError:
        return error(
            f"{host}:{port} does not answer within {_CONNECT_SECONDS:.0f} s",
            f"check that the firewall lets this machine reach it on port {port}",
        )
    except OSError as problem:
        return error(
            f"{host}:{port}: {problem.strerror or problem}",
            f"check that the firewall lets this machine reach it on port {port}, then NetSuite's status page",
        )
    ends = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)
    found = f"{version}; the server's certificate is valid until {ends:%Y-%m-%d}"
    if ends - now < _SOON:
        return warning(found, "Oracle renews it; should it expire, imports wait until they have")
    return ok(found)


def _tls(configuration: Configuration) -> Answer:
    parts = _url(configuration)
    if parts.scheme != "https":
        raise NotChecked("NETSUITE_BASE_URL is plain HTTP on this machine")
    # The authorities that the client trusts.
    context = httpx.create_ssl_context()
    return tls_answer(_host(configuration), parts.port or _HTTPS_PORT, context, now=dt.datetime.now(dt.UTC))


def _host(configuration: Configuration) -> str:
    parts = _url(configuration)
    host = parts.hostname or ""
    proxies = getproxies()
    if parts.scheme == "https" and ("https" in proxies or "all" in proxies) and not proxy_bypass(host):
        raise NotChecked("requests go through the proxy of HTTPS_PROXY or ALL_PROXY")
    return host


def _url(configuration: Configuration) -> SplitResult:
    settings = configuration.settings
    if settings.netsuite_base_url is None and settings.netsuite_account_id is None:
        raise NotChecked("NETSUITE_ACCOUNT_ID is not set")
    return urlsplit(settings.netsuite_url)
