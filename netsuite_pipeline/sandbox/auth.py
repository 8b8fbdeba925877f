"""Verify callers: token-based authentication (OAuth 1.0a) and OAuth 2.0 client credentials (M2M).

The default credentials are fixed and public on purpose: they open nothing but this stand-in. Rules are those
of Oracle's help pages section_1534941295, subsect_156935170194, section_162790605110 and
subsect_158521885412.
"""

import hashlib
import hmac
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from oauthlib.oauth1.rfc5849.signature import base_string_uri
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from netsuite_pipeline.sandbox.errors import NetSuiteFault, invalid_login

_TIMESTAMP_TOLERANCE = 300
_MIN_NONCE = 6
_MAX_ASSERTION_LIFE = 3600
_MIN_RSA_BITS = 3072
# RS256 is refused by NetSuite (section_162790605110).
ASSERTION_ALGORITHMS = ("PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPE = "rest_webservices"
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Credentials:
    """What the sandbox accepts. The account id is upper case with underscores, as the OAuth realm wants
    it.
    """

    account: str = "1234567_SB1"
    consumer_key: str = "sandbox-consumer-key"
    consumer_secret: str = "sandbox-consumer-secret"  # noqa: S105 - public, see the module docstring
    token_id: str = "sandbox-token-id"  # noqa: S105
    token_secret: str = "sandbox-token-secret"  # noqa: S105
    client_id: str = "sandbox-client-id"
    certificate_id: str = "sandbox-certificate-id"


def load_public_key(pem: bytes) -> PublicKey:
    """The key of a PEM certificate or PEM public key; ValueError for anything NetSuite would not take."""
    if b"BEGIN CERTIFICATE" in pem:
        key: object = x509.load_pem_x509_certificate(pem).public_key()
    else:
        key = load_pem_public_key(pem)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    raise ValueError("NetSuite takes EC keys and RSA keys of at least 3072 bits (Oracle help subsect_162755332391).")


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature or token covers; `url` as the client sees it, with its
    query.
    """

    method: str
    url: str
    authorization: str


class Authenticator:
    """Verifies requests and issues bearer tokens. Thread-safe; counts what it refused."""

    def __init__(
        self, credentials: Credentials, *, public_key: PublicKey | None = None, token_lifetime: float = 3600
    ) -> None:
        self.credentials = credentials
        self.failures = 0
        self.tokens_issued = 0
        self._public_key = public_key
        self._lifetime = token_lifetime
        self._nonces: dict[tuple[str, str], float] = {}
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()

    def verify(self, request: SignedRequest) -> None:
        """Return if the caller is who it says; NetSuiteFault 401 otherwise."""
        scheme, _, rest = request.authorization.partition(" ")
        if scheme.lower() == "bearer":
            if not self._bearer_is_valid(rest.strip()):
                raise self._refused(bearer_realm=self.credentials.account)
        elif scheme.lower() != "oauth" or not self._signature_is_valid(request):
            raise self._refused()

    def revoke_tokens(self) -> None:
        """Forget every bearer token, as if all had expired."""
        with self._lock:
            self._tokens.clear()

    def issue_token(self, form: Mapping[str, str], token_url: str) -> dict[str, str]:
        """A bearer token for a valid client assertion; NetSuiteFault with an RFC 6749 body otherwise."""
        if form.get("grant_type") != "client_credentials":
            raise self._token_refused(400, "unsupported_grant_type")
        if form.get("client_assertion_type") != _ASSERTION_TYPE or not form.get("client_assertion"):
            raise self._token_refused(400, "invalid_request")
        if not self._assertion_is_valid(form["client_assertion"], token_url):
            raise self._token_refused(401, "invalid_client")
        token = secrets.token_urlsafe(48)
        with self._lock:
            self._tokens[token] = time.monotonic() + self._lifetime
            self.tokens_issued += 1
        return {"access_token": token, "expires_in": f"{self._lifetime:g}", "token_type": "bearer"}

    def _refused(self, bearer_realm: str | None = None) -> NetSuiteFault:
        with self._lock:
            self.failures += 1
        return invalid_login(bearer_realm=bearer_realm)

    def _token_refused(self, status: int, error: str) -> NetSuiteFault:
        with self._lock:
            self.failures += 1
        return NetSuiteFault(status, {"error": error})

    def _bearer_is_valid(self, token: str) -> bool:
        with self._lock:
            expires = self._tokens.get(token)
        return expires is not None and time.monotonic() < expires

    def _signature_is_valid(self, request: SignedRequest) -> bool:
        try:
            header = parse_authorization_header(request.authorization)
        except ValueError:
            return False
        given = {name: unquote(value) for name, value in header}
        known = self.credentials
        names_match = (
            given.get("realm") == known.account
            and given.get("oauth_consumer_key") == known.consumer_key
            and given.get("oauth_token") == known.token_id
            and given.get("oauth_signature_method") == "HMAC-SHA256"
            and given.get("oauth_version", "1.0") == "1.0"
        )
        if not names_match:
            return False
        signature = sign(request.method, request.url, given, known.consumer_secret, known.token_secret)
        return hmac.compare_digest(signature, given.get("oauth_signature", "")) and self._is_fresh(given)

    def _is_fresh(self, given: Mapping[str, str]) -> bool:
        nonce, timestamp = given.get("oauth_nonce", ""), given.get("oauth_timestamp", "")
        now = time.time()
        if len(nonce) < _MIN_NONCE or not timestamp.isdigit() or abs(now - int(timestamp)) > _TIMESTAMP_TOLERANCE:
            return False
        with self._lock:
            if (nonce, timestamp) in self._nonces:
                return False
            self._nonces[nonce, timestamp] = now
            oldest = next(iter(self._nonces))
            # A nonce can be forgotten once its timestamp would be refused anyway.
            while now - self._nonces[oldest] > 2 * _TIMESTAMP_TOLERANCE:
                del self._nonces[oldest]
                oldest = next(iter(self._nonces))
        return True

    def _assertion_is_valid(self, assertion: str, token_url: str) -> bool:
        if self._public_key is None:
            return False
        try:
            if jwt.get_unverified_header(assertion).get("kid") != self.credentials.certificate_id:
                return False
            claims = jwt.decode(
                assertion,
                self._public_key,
                algorithms=list(ASSERTION_ALGORITHMS),
                audience=token_url,
                issuer=self.credentials.client_id,
                options={"require": ["iss", "aud", "iat", "exp", "scope"]},
            )
        # A key of another kind than the algorithm raises TypeError or ValueError inside the library.
        except (jwt.PyJWTError, TypeError, ValueError):
            return False
        return claims["exp"] - claims["iat"] <= _MAX_ASSERTION_LIFE and _SCOPE in _scopes(claims["scope"])


def _scopes(scope: object) -> list[str]:
    """A scope claim as a list: Oracle's sample is an array, its text says commas, clients in use send
    blanks.
    """
    if isinstance(scope, list):
        return [str(part) for part in scope]
    return str(scope).replace(",", " ").split()


def sign(method: str, url: str, parameters: Mapping[str, str], consumer_secret: str, token_secret: str) -> str:
    """The OAuth 1.0a HMAC-SHA256 signature: query parameters count, `realm` and the body do not."""
    signed = [(name, value) for name, value in parameters.items() if name not in {"realm", "oauth_signature"}]
    signed += parse_qsl(urlsplit(url).query, keep_blank_values=True)
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in signed)
    normalized = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(quote(part, safe="~") for part in (method.upper(), base_string_uri(url), normalized))
    key = f"{quote(consumer_secret, safe='~')}&{quote(token_secret, safe='~')}"
    return b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()
