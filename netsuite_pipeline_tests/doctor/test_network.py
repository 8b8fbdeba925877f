"""The way to NetSuite: names, certificates, silence; on real sockets of this machine."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from netsuite_pipeline.doctor.finding import Status
from netsuite_pipeline.doctor.network import dns_answer, network_checks, tls_answer
from netsuite_pipeline_tests.doctor.conftest import Configured, found
from netsuite_pipeline_tests.ports import free_port

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def server_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of `localhost`, valid for thirty days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=30))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    signed = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def port(server_file: Path) -> Iterator[int]:
    """A server that shakes hands once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            accepted, _ = listening.accept()
            with accepted, context.wrap_socket(accepted, server_side=True) as secured:
                secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def trusting(server_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server_file))


def test_a_trusted_certificate_is_well_and_its_end_is_told(server_file: Path, port: int) -> None:
    answer = tls_answer("localhost", port, trusting(server_file), now=NOW)
    assert answer.status is Status.OK
    assert answer.found.endswith(f"valid until {NOW + dt.timedelta(days=30):%Y-%m-%d}")


def test_a_certificate_that_ends_soon_is_a_warning(server_file: Path, port: int) -> None:
    answer = tls_answer("localhost", port, trusting(server_file), now=NOW + dt.timedelta(days=24))
    assert answer.status is Status.WARNING


def test_a_certificate_that_nobody_vouches_for_is_an_error(port: int) -> None:
    answer = tls_answer("localhost", port, ssl.create_default_context(), now=NOW)
    assert answer.status is Status.ERROR
    assert answer.found.startswith("the certificate of localhost is not trusted: self-signed certificate")
    assert "SSL_CERT_FILE" in answer.remedy


def test_a_port_where_nobody_listens_is_an_error() -> None:
    answer = tls_answer("localhost", free_port(), ssl.create_default_context(), now=NOW)
    assert answer.status is Status.ERROR
    assert answer.found.endswith("Connection refused")


def test_a_name_is_resolved() -> None:
    assert dns_answer("127.0.0.1").status is Status.OK


def test_a_name_that_stands_for_nothing_is_an_error() -> None:
    answer = dns_answer("no-such-account.invalid")
    assert answer.status is Status.ERROR
    assert answer.found.startswith("no-such-account.invalid: ")


def test_plain_http_on_this_machine_has_no_certificate(configured: Configured) -> None:
    findings = found(network_checks(configured()))
    assert findings["netsuite.dns"].status is Status.OK
    assert findings["netsuite.tls"].status is Status.NOT_CHECKED


def test_what_a_proxy_resolves_is_its_business(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.invalid:3128")
    findings = found(network_checks(configured(netsuite_base_url="https://no-such-account.invalid")))
    assert {finding.status for finding in findings.values()} == {Status.NOT_CHECKED}
    assert "proxy" in findings["netsuite.dns"].found
    assert "hunter2" not in str(findings)


def test_without_an_account_there_is_no_host(configured: Configured) -> None:
    findings = found(network_checks(configured(netsuite_account_id=None, netsuite_base_url=None)))
    assert findings["netsuite.dns"].found == "because NETSUITE_ACCOUNT_ID is not set"
