"""The two ways to log in, as httpx.Auth: OAuth 1.0a tokens (TBA) and OAuth 2.0 client credentials (M2M).

Each request is signed when it is sent. A 401 is answered once, with a fresh signature or token; whether the
client goes on after a second one is its own business. Secrets stay inside SecretStr and key objects.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal, cast

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client
from pydantic import SecretStr

from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    NetSuiteError,
    TransientError,
    Unavailable,
    classify,
)
from netsuite_pipeline.settings import Settings, SettingsError

# oauthlib writes tokens and signatures at DEBUG.
logging.getLogger("oauthlib").setLevel(logging.INFO)

_UNAUTHORIZED = 401
_TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path
# Oracle's page prints a comma-separated text, its own decoded sample an array (help section_162790605110).
_SCOPE = ["rest_webservices"]
# How far clocks may be apart: a timestamp of OAuth 1.0a may be off by so much (help subsect_156935170194), and so long
# an assertion is valid. Oracle allows up to an hour for the latter, but it is used at once.
CLOCK_TOLERANCE_SECONDS = 300
# What Oracle documents for a token whose answer does not say (help section_162755359851).
_TOKEN_SECONDS = 3600.0
_REFRESH_MARGIN_SECONDS = 300.0
# RS256 is not accepted (help section_162790605110).
_EC_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey
AuthFlow = Generator[httpx.Request, httpx.Response, None]


class TokenBasedAuth(httpx.Auth):
    """OAuth 1.0a, HMAC-SHA256: every attempt has its own nonce and timestamp; query parameters are signed.

    `realm` is the account in upper case with underscores.
    """

    def __init__(
        self,
        *,
        realm: str,
        consumer_key: SecretStr,
        consumer_secret: SecretStr,
        token_id: SecretStr,
        token_secret: SecretStr,
    ) -> None:
        self.realm = realm
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._token_id = token_id
        self._token_secret = token_secret

    def __repr__(self) -> str:
        return f"TokenBasedAuth(realm={self.realm!r})"

    def auth_flow(self, request: httpx.Request) -> AuthFlow:
        """Signs; after a 401, signs anew and sends once more."""
        self._sign(request)
        response = yield request
        if response.status_code == _UNAUTHORIZED:
            self._sign(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        signer = Client(
            self._consumer_key.get_secret_value(),
            client_secret=self._consumer_secret.get_secret_value(),
            resource_owner_key=self._token_id.get_secret_value(),
            resource_owner_secret=self._token_secret.get_secret_value(),
            signature_method=SIGNATURE_HMAC_SHA256,
            realm=self.realm,
        )
        # The JSON body is no part of the signature base string (RFC 5849 section 3.4.1.3.1).
        _, headers, _ = signer.sign(str(request.url), http_method=cast("Literal['GET', 'POST']", request.method))
        request.headers["Authorization"] = headers["Authorization"]


class ClientCredentialsAuth(httpx.Auth):
    """OAuth 2.0 client credentials: a signed JWT buys a token, which all threads share until shortly before
    it expires.
    """

    def __init__(self, *, token_url: str, client_id: SecretStr, certificate_id: str, private_key: SigningKey) -> None:
        self.token_url = token_url
        self._client_id = client_id
        self._certificate_id = certificate_id
        self._private_key = private_key
        self._algorithm = _algorithm_of(private_key)
        self._lock = threading.Lock()
        self._token: SecretStr | None = None
        self._refresh_at = 0.0

    def __repr__(self) -> str:
        return f"ClientCredentialsAuth(token_url={self.token_url!r}, algorithm={self._algorithm!r})"

    def auth_flow(self, request: httpx.Request) -> AuthFlow:
        """Adds the shared token; after a 401, a new one, and sends once more."""
        token = yield from self._current_token(request, refused=None)
        request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        response = yield request
        if response.status_code == _UNAUTHORIZED:
            token = yield from self._current_token(request, refused=token)
            request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
            yield request

    def _current_token(
        self, request: httpx.Request, *, refused: SecretStr | None
    ) -> Generator[httpx.Request, httpx.Response, SecretStr]:
        # Whoever waited for the lock finds the token that the holder fetched.
        with self._lock:
            token = self._token
            if token is None or token is refused or time.monotonic() >= self._refresh_at:
                token, lifetime = yield from self._fetch_token(request)
                margin = min(_REFRESH_MARGIN_SECONDS, lifetime / 10)
                self._token, self._refresh_at = token, time.monotonic() + lifetime - margin
            return token

    def _fetch_token(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, tuple[SecretStr, float]]:
        response = yield self._token_request(request)
        response.read()
        error = _token_refusal(response)
        if isinstance(error, AuthenticationFailed):
            response = yield self._token_request(request)
            response.read()
            error = _token_refusal(response)
        if error is not None:
            raise error
        return _token_of(response)

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(),
        }
        # A request of one's own making has no timeout unless it takes over the client's.
        timeouts = {"timeout": request.extensions["timeout"]} if "timeout" in request.extensions else {}
        return httpx.Request("POST", self.token_url, data=form, extensions=timeouts)

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._client_id.get_secret_value(),
            "scope": _SCOPE,
            "aud": self.token_url,
            "iat": now,
            "exp": now + CLOCK_TOLERANCE_SECONDS,
        }
        return jwt.encode(claims, self._private_key, algorithm=self._algorithm, headers={"kid": self._certificate_id})


def auth_for(settings: Settings) -> httpx.Auth:
    """The scheme that NETSUITE_AUTH names, with its credentials; SettingsError if one is unusable."""
    settings.require_credentials()
    if settings.netsuite_auth == "tba":
        return TokenBasedAuth(
            realm=settings.require_account(),
            consumer_key=cast(SecretStr, settings.netsuite_consumer_key),
            consumer_secret=cast(SecretStr, settings.netsuite_consumer_secret),
            token_id=cast(SecretStr, settings.netsuite_token_id),
            token_secret=cast(SecretStr, settings.netsuite_token_secret),
        )
    return ClientCredentialsAuth(
        token_url=settings.netsuite_url + _TOKEN_PATH,
        client_id=cast(SecretStr, settings.netsuite_client_id),
        certificate_id=cast(str, settings.netsuite_certificate_id),
        private_key=load_key(cast(Path, settings.netsuite_private_key_file)),
    )


def credentials_digest(settings: Settings) -> str:
    """32 hexadecimal digits that change whenever the account or a credential of the scheme does, and tell nothing of
    them. SettingsError if one is missing.
    """
    settings.require_credentials()
    parts = [settings.netsuite_url, settings.netsuite_auth]
    if settings.netsuite_auth == "tba":
        secrets = (
            settings.netsuite_consumer_key,
            settings.netsuite_consumer_secret,
            settings.netsuite_token_id,
            settings.netsuite_token_secret,
        )
        parts += [cast(SecretStr, secret).get_secret_value() for secret in secrets]
    else:
        parts += [cast(SecretStr, settings.netsuite_client_id).get_secret_value()]
        parts += [cast(str, settings.netsuite_certificate_id)]
        parts += [cast(Path, settings.netsuite_private_key_file).read_text(errors="replace")]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def load_key(path: Path) -> SigningKey:
    """The private key in a PEM file; SettingsError if NetSuite takes none of its kind, OSError if it cannot be read."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except TypeError:
        raise _unusable_key(path, "it is protected by a password; give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable_key(path, "it is no private key in PEM format") from None
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name not in _EC_ALGORITHMS:
        raise _unusable_key(path, f"NetSuite does not take the curve {key.curve.name}")
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise _unusable_key(path, "NetSuite takes RSA and EC keys only")
    return key


def _unusable_key(path: Path, reason: str) -> SettingsError:
    return SettingsError(f"NETSUITE_PRIVATE_KEY_FILE is not usable: {path}: {reason}.")


def _algorithm_of(key: SigningKey) -> str:
    return "PS256" if isinstance(key, RSAPrivateKey) else _EC_ALGORITHMS[key.curve.name]


def _token_refusal(response: httpx.Response) -> NetSuiteError | None:
    if response.is_success:
        return None
    error = classify(response)
    if isinstance(error, TransientError):
        return error
    refusal = AuthenticationFailed(f"no access token: {error}", status=error.status, code=error.code)
    refusal.date = error.date
    return refusal


def _token_of(response: httpx.Response) -> tuple[SecretStr, float]:
    try:
        answer = response.json()
        token = answer["access_token"]
        # A number or a text (Oracle help section_162755359851 against live answers).
        lifetime = float(answer.get("expires_in", _TOKEN_SECONDS))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unavailable("the token endpoint's answer is unreadable", status=response.status_code) from None
    if not isinstance(token, str) or not token:
        raise Unavailable("the token endpoint's answer holds no token", status=response.status_code)
    return SecretStr(token), max(lifetime, 0.0)
