"""Signatures and tokens: what is sent, how often after a refusal, and what never leaves."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from netsuite_pipeline.netsuite.auth import ClientCredentialsAuth, SigningKey, TokenBasedAuth, auth_for
from netsuite_pipeline.netsuite.errors import AuthenticationFailed, RateLimited, Unavailable
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline_tests.netsuite.conftest import SECRETS
from netsuite_pipeline_tests.netsuite.scripted_server import Reply, ScriptedServer, fault, rows

REFUSED = fault(401, "INVALID_LOGIN")


def token(value: str = "token-1", expires_in: object = 3600) -> Reply:
    return Reply(body=json.dumps({"access_token": value, "expires_in": expires_in, "token_type": "bearer"}).encode())


def oauth_parameters(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "OAuth"
    pairs = (part.strip().split("=", 1) for part in rest.split(","))
    return {name: unquote(value.strip('"')) for name, value in pairs}


def signature(method: str, url: str, sent: dict[str, str], *, consumer_secret: str, token_secret: str) -> str:
    """RFC 5849 section 3.4, written down once more and without a library."""

    def escape(text: str) -> str:
        return quote(text, safe="-._~")

    parts = urlsplit(url)
    signed = [(name, value) for name, value in sent.items() if name not in {"realm", "oauth_signature"}]
    pairs = sorted((escape(name), escape(value)) for name, value in [*parse_qsl(parts.query), *signed])
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join([method, escape(f"{parts.scheme}://{parts.netloc}{parts.path}"), escape(parameters)])
    key = f"{escape(consumer_secret)}&{escape(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


def signed(auth: TokenBasedAuth, url: str) -> dict[str, str]:
    request = next(auth.auth_flow(httpx.Request("POST", url, json={"q": "SELECT 1"})))
    return oauth_parameters(request.headers["Authorization"])


@pytest.fixture
def tba() -> TokenBasedAuth:
    return TokenBasedAuth(
        realm="123456_SB1",
        consumer_key=SecretStr("ef40afdd+key"),
        consumer_secret=SecretStr("d26ad321&secret"),
        token_id=SecretStr("2b0ce516 token"),
        token_secret=SecretStr("c29a677d%secret"),
    )


@pytest.mark.parametrize(
    "url",
    [
        # The requests of Oracle's help section_1534941088 and the two that the field research derived from them.
        "https://123456.suitetalk.api.netsuite.com/services/rest/record/v1/employee/40",
        "https://123456.restlets.api.netsuite.com/app/site/hosting/restlet.nl?script=6&deploy=1&customParam=someValue",
        "https://123456.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?limit=1000&offset=0",
        "https://123456-sb1.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?limit=1000&offset=1000",
        "http://127.0.0.1:8123/services/rest/query/v1/suiteql?limit=1000",
    ],
)
def test_tba_signature_equals_an_independent_computation(tba, url):
    sent = signed(tba, url)
    expected = signature("POST", url, sent, consumer_secret="d26ad321&secret", token_secret="c29a677d%secret")
    assert sent["oauth_signature"] == expected
    assert sent["realm"] == "123456_SB1"
    assert sent["oauth_consumer_key"] == "ef40afdd+key"
    assert sent["oauth_token"] == "2b0ce516 token"
    assert (sent["oauth_signature_method"], sent["oauth_version"]) == ("HMAC-SHA256", "1.0")


def test_tba_signs_the_query_parameters(tba):
    url = "https://123456.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?limit=1000"
    sent = signed(tba, url)
    without = signature(
        "POST", url.split("?")[0], sent, consumer_secret="d26ad321&secret", token_secret="c29a677d%secret"
    )
    assert sent["oauth_signature"] != without


def test_tba_nonce_is_new_for_every_signature_and_long_enough(tba):
    nonces = {signed(tba, "https://x.example/")["oauth_nonce"] for _ in range(50)}
    assert len(nonces) == 50
    assert min(map(len, nonces)) >= 6


def test_the_realm_is_upper_case_with_underscores(settings_for):
    auth = auth_for(settings_for("http://127.0.0.1:1", netsuite_account_id="1234567-sb1"))
    assert isinstance(auth, TokenBasedAuth)
    assert auth.realm == "1234567_SB1"


@pytest.mark.parametrize("scheme", ["tba", "m2m"])
def test_no_secret_is_in_a_repr(settings_for, scheme):
    settings = settings_for("http://127.0.0.1:1", netsuite_auth=scheme)
    auth = auth_for(settings)
    shown = f"{auth!r} {vars(auth)!r} {settings!r}"
    assert not [secret for secret in SECRETS.values() if secret in shown]


@pytest.mark.parametrize("scheme", ["tba", "m2m"])
def test_no_secret_is_logged_even_at_debug(serve, caplog, scheme):
    caplog.set_level(logging.DEBUG)
    replies = [token("bearer-3c1d"), rows()] if scheme == "m2m" else [rows()]
    server, client = serve(*replies, netsuite_auth=scheme)
    client.query("SELECT 1 FROM customer")
    authorization = server.seen[-1].headers["authorization"]
    assert authorization
    for secret in [*SECRETS.values(), "bearer-3c1d", authorization]:
        assert secret not in caplog.text


def test_tba_signs_anew_once_after_a_401_and_succeeds(serve):
    server, client = serve(REFUSED, rows({"n": "1"}))
    assert client.query("SELECT 1 FROM customer").items[0]["n"] == "1"
    first, second = (oauth_parameters(seen.headers["authorization"]) for seen in server.seen)
    assert first["oauth_nonce"] != second["oauth_nonce"]
    assert first["oauth_signature"] != second["oauth_signature"]


KEYS: dict[str, Callable[[], SigningKey]] = {
    "PS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_m2m_assertion_verifies_and_carries_what_netsuite_wants(serve, tmp_path, algorithm):
    key = KEYS[algorithm]()
    path = tmp_path / f"{algorithm}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server, client = serve(token(), rows(), netsuite_auth="m2m", netsuite_private_key_file=path)
    client.query("SELECT 1 FROM customer")
    asked, queried = server.seen
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    url = f"{server.base_url}/services/rest/auth/oauth2/v1/token"
    claims = jwt.decode(form["client_assertion"], key.public_key(), algorithms=[algorithm], audience=url)
    assert jwt.get_unverified_header(form["client_assertion"]) == {
        "typ": "JWT",
        "alg": algorithm,
        "kid": "certificate-7",
    }
    assert (claims["iss"], claims["scope"]) == (SECRETS["netsuite_client_id"], ["rest_webservices"])
    assert 0 < claims["exp"] - claims["iat"] < 3600
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert queried.headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize("expires_in", [3600, "3600", None])
def test_m2m_token_is_fetched_once_for_many_queries(serve, expires_in):
    first = token() if expires_in is not None else Reply(body=b'{"access_token": "token-1"}')
    if expires_in is not None:
        first = token(expires_in=expires_in)
    server, client = serve(first, rows(), netsuite_auth="m2m")
    for _ in range(3):
        client.query("SELECT 1 FROM customer")
    assert [seen.target.rpartition("/")[2] for seen in server.seen] == ["token", *["suiteql?limit=1000"] * 3]


def test_m2m_token_is_fetched_once_by_many_threads(settings_for):
    with ScriptedServer(token(), rows()) as server:
        auth = auth_for(settings_for(server.base_url, netsuite_auth="m2m"))
        start = threading.Barrier(8)

        def ask():
            start.wait()
            with httpx.Client(auth=auth, trust_env=False) as http:
                http.post(f"{server.base_url}/query")

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(seen.target.endswith("/token") for seen in server.seen) == 1


def test_m2m_token_is_renewed_before_it_expires(serve, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr("netsuite_pipeline.netsuite.auth.time.monotonic", lambda: now)
    server, client = serve(token("old", "3600"), rows(), token("new"), rows(), netsuite_auth="m2m")
    client.query("SELECT 1 FROM customer")
    now += 3600 - 299
    client.query("SELECT 1 FROM customer")
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, "Bearer old", None, "Bearer new"]


def test_m2m_401_costs_a_new_token_and_one_more_try(serve):
    server, client = serve(token("old"), REFUSED, token("new"), rows({"n": "1"}), netsuite_auth="m2m")
    assert client.query("SELECT 1 FROM customer").items[0]["n"] == "1"
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, "Bearer old", None, "Bearer new"]


def test_m2m_refused_assertion_is_tried_once_more_and_then_given_up(serve):
    refusal = Reply(400, b'{"error": "invalid_grant", "error_description": "unknown certificate"}')
    server, client = serve(refusal, netsuite_auth="m2m")
    with pytest.raises(AuthenticationFailed, match="unknown certificate") as caught:
        client.query("SELECT 1 FROM customer")
    assert caught.value.code == "invalid_grant"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fault(429, "CONCURRENCY_LIMIT_EXCEEDED"), RateLimited),
        (Reply(503), Unavailable),
        (Reply(200, b"<html>"), Unavailable),
        (Reply(200, b'{"expires_in": 3600}'), Unavailable),
        (Reply(200, b'{"access_token": 7}'), Unavailable),
        (Reply(200, b'{"access_token": "t", "expires_in": "soon"}'), Unavailable),
        (Reply(how="reset"), Unavailable),
    ],
)
def test_m2m_token_endpoint_that_is_down_is_no_wrong_credential(serve, waits, reply, kind):
    server, client = serve(reply, netsuite_auth="m2m")
    with pytest.raises(kind):
        client.query("SELECT 1 FROM customer")
    assert (len(server.seen), len(waits)) == (5, 4)


def test_m2m_token_request_has_the_clients_timeout(serve, caplog):
    _, client = serve(Reply(how="silent"), token(), rows({"n": "1"}), netsuite_auth="m2m", netsuite_timeout=2.0)
    assert client.query("SELECT 1 FROM customer").items[0]["n"] == "1"
    assert "ReadTimeout" in caplog.text


def pem(key, encryption=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a key", "no private key in PEM format"),
        (b"", "no private key in PEM format"),
        (pem(ec.generate_private_key(ec.SECP256R1()))[:60], "no private key in PEM format"),
        (pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"pass")), "protected by a password"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "curve secp256k1"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "RSA and EC keys only"),
    ],
)
def test_unusable_private_key_names_the_setting(settings_for, tmp_path: Path, content, reason):
    path = tmp_path / "wrong.pem"
    path.write_bytes(content)
    settings = settings_for("http://127.0.0.1:1", netsuite_auth="m2m", netsuite_private_key_file=path)
    with pytest.raises(SettingsError, match=rf"^NETSUITE_PRIVATE_KEY_FILE.*{reason}"):
        auth_for(settings)


def test_the_scheme_follows_the_setting(settings_for):
    assert isinstance(auth_for(settings_for("http://127.0.0.1:1", netsuite_auth="m2m")), ClientCredentialsAuth)
    assert isinstance(auth_for(settings_for("http://127.0.0.1:1", netsuite_auth="tba")), TokenBasedAuth)
