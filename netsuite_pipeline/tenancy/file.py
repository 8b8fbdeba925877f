"""What TENANTS_FILE says: for each company its settings, and which environment variables hold its secrets.

Reading and checking only. The values of secrets are looked up when a company is asked for, in `activation`.
"""

import difflib
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom_yaml import CustomTypesError, Document, Place, read_document
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.tenant_name import name_fault

WAREHOUSE = "WAREHOUSE_URL"

_TOP, _ID, _SETTINGS, _SECRETS = "tenants", "integration_id", "settings", "secrets"
_SECTIONS = (_ID, _SETTINGS, _SECRETS)
# What chooses the tenant cannot be the tenant's own, and the id has a line of its own.
_ELSEWHERE = frozenset({"TENANTS_FILE", "NETSUITE_TENANT", "INTEGRATION_ID"})
VARIABLES = frozenset(name.upper() for name in Settings.model_fields) - _ELSEWHERE
_SECRET = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *typing.get_args(field.annotation))
)
_AN_EXAMPLE = "as docs/tenants.example.yaml shows"


class TenantsError(SettingsError):
    """TENANTS_FILE or the choice of a tenant is wrong; the text is one sentence that says what to write or set."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One company: plain settings by variable, and by variable the name of the one that holds the secret."""

    name: str
    integration_id: int | None
    settings: Mapping[str, str]
    secrets: Mapping[str, str]


class Tenants:
    """The companies of one file, in its order."""

    def __init__(self, document: Document, tenants: Collection[Tenant]) -> None:
        self._document = document
        self._tenants = {tenant.name: tenant for tenant in tenants}

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._tenants.values())

    def __len__(self) -> int:
        return len(self._tenants)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._tenants)

    def get(self, name: str) -> Tenant:
        """The company called `name`; TenantsError if there is none."""
        try:
            return self._tenants[name]
        except KeyError:
            raise TenantsError(
                f"There is no tenant {name!r} in {self._document.file}; it has {', '.join(self.names)}."
            ) from None

    def error(self, tenant: Tenant, variable: str, sentence: str) -> TenantsError:
        """The error for what the file says of a secret."""
        return TenantsError(str(self._document.error((_TOP, tenant.name, _SECRETS, variable), sentence)))


def read_tenants(file: Path) -> Tenants:
    """The companies of the file; TenantsError naming the line of the first mistake."""
    try:
        document = read_document(file, variable="TENANTS_FILE", texts=True)
        return Tenants(document, _Reading(document).tenants())
    except CustomTypesError as error:
        raise TenantsError(str(error)) from None


class _Reading:
    """One file being checked, from the top."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def tenants(self) -> list[Tenant]:
        """All of them; CustomTypesError for the first mistake."""
        top = self._mapping((), self._document.data, known=(_TOP,))
        named = self._mapping((_TOP,), top.get(_TOP))
        if not named:
            raise self._document.error((_TOP,), f"there is no tenant here; write one, {_AN_EXAMPLE}.")
        tenants = [self._tenant(name, data) for name, data in named.items()]
        self._check_databases(tenants)
        return tenants

    def _tenant(self, name: str, data: Any) -> Tenant:
        place = (_TOP, name)
        if fault := name_fault(name):
            raise self._document.error(place, f"{fault}; write another name.")
        if name in CATALOG:
            raise self._document.error(place, f"{name!r} is the name of a record type; write another name.")
        sections = self._mapping(place, data, known=_SECTIONS)
        settings = self._values((*place, _SETTINGS), sections.get(_SETTINGS, {}))
        secrets = self._values((*place, _SECRETS), sections.get(_SECRETS, {}))
        self._check_settings((*place, _SETTINGS), settings)
        self._check_secrets((*place, _SECRETS), secrets, settings)
        if WAREHOUSE not in secrets:
            raise self._document.error(
                place,
                f"{name!r} has no database; write `{WAREHOUSE}:` below its `secrets:`, with the name of the environment"
                " variable that holds the URL.",
            )
        return Tenant(
            name=name, integration_id=self._integration_id(place, sections), settings=settings, secrets=secrets
        )

    def _integration_id(self, place: Place, sections: Mapping[str, Any]) -> int | None:
        value = sections.get(_ID)
        if value is None:
            return None
        if not isinstance(value, str) or not value.isascii() or not value.isdigit() or int(value) >= 2**63:
            raise self._document.error((*place, _ID), f"{_ID!r} must be a whole number, e.g. {_ID}: 17.")
        return int(value)

    def _values(self, place: Place, data: Any) -> dict[str, str]:
        """The variables of a section and what stands behind each."""
        for variable, value in self._mapping(place, data).items():
            where = (*place, variable)
            if variable in _ELSEWHERE:
                instead = f"write `{_ID}: …` beside `{_SETTINGS}:`" if variable == "INTEGRATION_ID" else "remove it"
                raise self._document.error(where, f"{variable} is no setting of a tenant's; {instead}.")
            if variable not in VARIABLES:
                raise self._document.error(where, f"{variable!r} is no setting; write {_likely(variable)}.")
            if not isinstance(value, str) or not value:
                raise self._document.error(where, f"{variable} needs a value of one line; write `{variable}: …`.")
        return dict(data)

    def _check_settings(self, place: Place, settings: Mapping[str, str]) -> None:
        for variable in settings:
            if variable in _SECRET:
                # Never with the value, which may be the secret.
                raise self._document.error(
                    (*place, variable),
                    f"{variable} is a secret and must not stand in a file; write it below `secrets:`, with the name of"
                    " the environment variable that holds it.",
                )

    def _check_secrets(self, place: Place, secrets: Mapping[str, str], settings: Mapping[str, str]) -> None:
        for variable, holder in secrets.items():
            where = (*place, variable)
            if not holder.isidentifier() or not holder.isascii():
                raise self._document.error(
                    where,
                    f"{variable} must be the name of an environment variable, e.g. ACME_{variable}, and not the secret"
                    " itself.",
                )
            if holder in VARIABLES | _ELSEWHERE:
                raise self._document.error(
                    where,
                    f"{holder} is a setting, and would be another one in this tenant's processes; write a name of its"
                    f" own, e.g. ACME_{variable}.",
                )
            if variable in settings:
                raise self._document.error(
                    where, f"{variable} stands below `{_SETTINGS}:` already; remove one of them."
                )

    def _check_databases(self, tenants: Collection[Tenant]) -> None:
        owners: dict[str, str] = {}
        for tenant in tenants:
            owner = owners.setdefault(tenant.secrets[WAREHOUSE], tenant.name)
            if owner != tenant.name:
                raise self._document.error(
                    (_TOP, tenant.name, _SECRETS, WAREHOUSE),
                    f"{tenant.name!r} has the database of {owner!r}, and each would overwrite the other's rows; write"
                    " the variable of another database.",
                )

    def _mapping(self, place: Place, data: Any, *, known: Collection[str] = ()) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            what = repr(place[-1]) if place else "the file"
            raise self._document.error(place, f"{what} needs `name: value` lines, indented; write it {_AN_EXAMPLE}.")
        for name in data:
            if known and name not in known:
                raise self._document.error((*place, name), f"{name!r} is not known here; write {_one_of(known)}.")
        return data


def _one_of(names: Collection[str]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else f"`{next(iter(names))}:`"


def _likely(variable: str) -> str:
    close = difflib.get_close_matches(variable, sorted(VARIABLES), n=1, cutoff=0.6)
    return close[0] if close else "a variable of the README's table"
