"""Both ways to sign in, right and wrong."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from netsuite_pipeline.sandbox.auth import load_public_key, sign
from netsuite_pipeline.sandbox.keys import KeyPair, create_key_pair

SQL = "SELECT COUNT(*) AS n FROM customer"
TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"
LOGIN_BODY = {
    # Printed in Oracle help section_156570709583.
    "type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
    "title": "Unauthorized",
    "status": 401,
    "o:errorDetails": [
        {
            "detail": "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at "
            "Setup > Users/Roles > User Management > View Login Audit Trail.",
            "o:errorCode": "INVALID_LOGIN",
        }
    ],
}


def test_a_signature_by_another_library_is_accepted_with_query_parameters(reader: Any) -> None:
    assert reader.post(SQL, limit=1000, offset=0).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"client_key": "other"},
        {"client_secret": "other"},
        {"resource_owner_key": "other"},
        {"resource_owner_secret": "other"},
        {"signature_method": "HMAC-SHA1"},
        {"realm": "1234567-sb1"},
        {"realm": None},
        {"nonce": "short"},
        {"timestamp": "1508242306"},
    ],
)
def test_a_wrong_signature_gets_the_documented_401_and_is_counted(reader: Any, changes: dict[str, Any]) -> None:
    before = reader.sandbox.account.authenticator.failures
    answer = reader.post(SQL, **changes)
    assert (answer.status_code, answer.json()) == (401, LOGIN_BODY)
    assert "www-authenticate" not in answer.headers
    assert reader.sandbox.account.authenticator.failures == before + 1


def test_a_query_parameter_outside_the_signature_is_refused(reader: Any) -> None:
    url = reader.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = reader.signed("POST", url) | {"Prefer": "transient"}
    assert reader.http.post(url + "?limit=5", json={"q": SQL}, headers=headers).status_code == 401


def test_a_header_used_twice_is_refused_the_second_time(reader: Any) -> None:
    url = reader.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = reader.signed("POST", url) | {"Prefer": "transient"}
    answers = [reader.http.post(url, json={"q": SQL}, headers=headers).status_code for _ in range(2)]
    assert answers == [200, 401]


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "OAuth", "OAuth realm", "Bearer", "Bearer unknown"])
def test_anything_else_is_refused(reader: Any, authorization: str) -> None:
    url = reader.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = {"Authorization": authorization, "Prefer": "transient"}
    assert reader.http.post(url, json={"q": SQL}, headers=headers).status_code == 401


def test_the_signature_covers_the_base_string_of_oracles_page() -> None:
    # Oracle help section_1534939551: METHOD & url without query & sorted parameters; realm and body are not signed.
    # Nonce and timestamp are those of Oracle's sample; its credentials are printed abbreviated in our notes.
    base = (
        "POST&https%3A%2F%2F123456.suitetalk.api.netsuite.com%2Fservices%2Frest%2Fquery%2Fv1%2Fsuiteql&"
        "limit%3D1000%26oauth_consumer_key%3Dkey%26oauth_nonce%3DfjaLirsIcCGVZWzBX0pg%26"
        "oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1508242306%26oauth_token%3Dtoken%26"
        "oauth_version%3D1.0%26offset%3D0"
    )
    expected = base64.b64encode(hmac.new(b"s%2Bcret&t%20ken", base.encode(), hashlib.sha256).digest()).decode()
    parameters = {
        "realm": "123456",
        "oauth_consumer_key": "key",
        "oauth_token": "token",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1508242306",
        "oauth_nonce": "fjaLirsIcCGVZWzBX0pg",
        "oauth_version": "1.0",
        "oauth_signature": "ignored",
    }
    url = "https://123456.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?offset=0&limit=1000"
    assert sign("POST", url, parameters, "s+cret", "t ken") == expected


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return create_key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def m2m(make_caller: Callable[..., Any], pair: KeyPair) -> Any:
    return make_caller(m2m_certificate=pair.certificate)


def assertion(
    caller: Any, key: Any, *, algorithm: str = "ES256", kid: str = "sandbox-certificate-id", **claims: Any
) -> str:
    now = int(time.time())
    content = {
        "iss": "sandbox-client-id",
        "aud": caller.sandbox.base_url + TOKEN_PATH,
        "iat": now,
        "exp": now + 3000,
        "scope": ["restlets", "rest_webservices"],
    } | claims
    return jwt.encode(
        {name: value for name, value in content.items() if value is not None}, key, algorithm, {"kid": kid}
    )


def ask_token(caller: Any, token: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
    } | changes
    answer: httpx.Response = caller.http.post(caller.sandbox.base_url + TOKEN_PATH, data=form)
    return answer


def query_with(caller: Any, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Prefer": "transient"}
    answer: httpx.Response = caller.http.post(
        caller.sandbox.base_url + "/services/rest/query/v1/suiteql", json={"q": SQL}, headers=headers
    )
    return answer


@pytest.mark.parametrize("scope", [["rest_webservices"], "restlets rest_webservices", "restlets,rest_webservices"])
def test_a_signed_assertion_gets_a_token_that_opens_queries(m2m: Any, pair: KeyPair, scope: Any) -> None:
    answer = ask_token(m2m, assertion(m2m, pair.private_key.read_bytes(), scope=scope))
    body = answer.json()
    assert answer.status_code == 200
    assert (body["expires_in"], body["token_type"]) == ("3600", "bearer")
    assert query_with(m2m, body["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"kid": "other"},
        {"iss": "other"},
        {"aud": "https://other.example.com/token"},
        {"scope": "restlets"},
        {"scope": None},
        {"iat": None},
        {"exp": None},
        {"exp": 1_508_242_306},
        {"exp": int(time.time()) + 7200},
    ],
)
def test_a_wrong_assertion_gets_no_token(m2m: Any, pair: KeyPair, wrong: dict[str, Any]) -> None:
    answer = ask_token(m2m, assertion(m2m, pair.private_key.read_bytes(), **wrong))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_an_assertion_by_another_key_gets_no_token(m2m: Any) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert ask_token(m2m, assertion(m2m, stranger)).status_code == 401
    assert ask_token(m2m, "not a token").status_code == 401


@pytest.mark.parametrize(
    "changes", [{"grant_type": "password"}, {"client_assertion_type": "x"}, {"client_assertion": ""}]
)
def test_a_malformed_token_request_is_a_400(m2m: Any, pair: KeyPair, changes: dict[str, str]) -> None:
    answer = ask_token(m2m, assertion(m2m, pair.private_key.read_bytes()), **changes)
    assert answer.status_code == 400


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.mark.parametrize(("algorithm", "status"), [("PS256", 200), ("PS384", 200), ("PS512", 200), ("RS256", 401)])
def test_rsa_keys_sign_with_pss_only(
    make_caller: Callable[..., Any], rsa_key: rsa.RSAPrivateKey, algorithm: str, status: int
) -> None:
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    caller = make_caller(records=0, m2m_certificate=public)
    private = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert ask_token(caller, assertion(caller, private, algorithm=algorithm)).status_code == status


def test_an_expired_token_is_refused_with_a_challenge(make_caller: Callable[..., Any], pair: KeyPair) -> None:
    caller = make_caller(records=0, m2m_certificate=pair.certificate, token_lifetime=0)
    body = ask_token(caller, assertion(caller, pair.private_key.read_bytes())).json()
    answer = query_with(caller, body["access_token"])
    assert (answer.status_code, answer.json()) == (401, LOGIN_BODY)
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="1234567_SB1", error="invalid_token", error_description="Invalid login attempt."'
    )


def test_a_revoked_token_is_refused(m2m: Any, pair: KeyPair) -> None:
    body = ask_token(m2m, assertion(m2m, pair.private_key.read_bytes())).json()
    m2m.http.delete(m2m.sandbox.base_url + "/sandbox/tokens")
    assert query_with(m2m, body["access_token"]).status_code == 401


def test_without_a_certificate_nobody_gets_a_token(caller: Any, pair: KeyPair) -> None:
    assert ask_token(caller, assertion(caller, pair.private_key.read_bytes())).status_code == 401


def test_keys_that_netsuite_would_not_take_are_refused_at_the_start() -> None:
    small = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(ValueError, match="3072"):
        load_public_key(small.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_the_private_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = create_key_pair(tmp_path)
    assert made.private_key.stat().st_mode & 0o077 == 0
    assert load_pem_private_key(made.private_key.read_bytes(), None)
