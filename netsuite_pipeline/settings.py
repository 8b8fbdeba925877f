"""Every setting of the pipeline: its environment variable, type, default and meaning.

Nothing else reads the environment. Values are checked together and a bad one is reported in one sentence
that names the variable and never repeats a secret.
"""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from netsuite_pipeline import tenant_name
from netsuite_pipeline.business_hours import BusinessHours

_TBA = ("netsuite_consumer_key", "netsuite_consumer_secret", "netsuite_token_id", "netsuite_token_secret")
_M2M = ("netsuite_client_id", "netsuite_certificate_id", "netsuite_private_key_file")
# What logs in, whatever the scheme.
CREDENTIALS = tuple(name.upper() for name in (*_TBA, *_M2M))

_WAREHOUSE_FORM = (
    "expected a URL such as mysql+pymysql://user:password@host/database, in which @ : / # ? and % of the password are "
    "percent-encoded (@ is %40)"
)


class SettingsError(ValueError):
    """A setting is missing or malformed; the text is one sentence for the person who set it."""


class Settings(BaseSettings):
    """The settings, from the environment. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    netsuite_account_id: str | None = Field(None, description="Account id, e.g. 1234567 or 1234567_SB1.")
    netsuite_base_url: str | None = Field(
        None, description="Overrides https://<account>.suitetalk.api.netsuite.com, e.g. for the sandbox."
    )
    netsuite_auth: Literal["tba", "m2m"] = Field(
        "m2m", description="tba: OAuth 1.0a tokens; m2m: OAuth 2.0 client credentials with a certificate."
    )
    netsuite_consumer_key: SecretStr | None = Field(None, description="TBA: the integration's consumer key.")
    netsuite_consumer_secret: SecretStr | None = Field(None, description="TBA: the integration's consumer secret.")
    netsuite_token_id: SecretStr | None = Field(None, description="TBA: the access token's id.")
    netsuite_token_secret: SecretStr | None = Field(None, description="TBA: the access token's secret.")
    netsuite_client_id: SecretStr | None = Field(None, description="M2M: the integration's client id.")
    netsuite_certificate_id: str | None = Field(None, description="M2M: the certificate id that NetSuite shows.")
    netsuite_private_key_file: Path | None = Field(None, description="M2M: PEM file of the certificate's private key.")
    netsuite_concurrency: int = Field(
        5,
        ge=1,
        le=100,
        description="Requests in flight, shared equally by the runs that may talk to NetSuite at once.",
    )
    netsuite_reserve: int = Field(0, ge=0, le=99, description="How many of them are left to other integrations.")
    netsuite_business_hours_time_zone: str = Field("UTC", description="Whose clocks NETSUITE_BUSINESS_HOURS go by.")
    netsuite_business_hours: str | None = Field(
        None, description="Hours of the weekdays, e.g. 08:00-18:00, with fewer requests in flight."
    )
    netsuite_business_concurrency: int | None = Field(
        None,
        ge=1,
        le=100,
        validate_default=True,
        description="Requests in flight in these hours; runs under way follow.",
    )
    netsuite_language: str | None = Field(
        None, description="The company's language, e.g. en; only if NetSuite refuses the user's (INVALID_HEADER)."
    )
    netsuite_timeout: float = Field(
        120.0,
        gt=0,
        le=900,
        description="Seconds to wait for an answer; NetSuite itself cuts off at 15 minutes.",
    )
    netsuite_time_zone: str | None = Field(
        None,
        description="Zone in which NetSuite shows dates, e.g. America/Los_Angeles; it is asked if this is not set.",
    )
    incremental_overlap: int = Field(
        120,
        ge=0,
        le=10_080,
        description="Minutes that an incremental import looks back, for changes that NetSuite committed late.",
    )
    nightly_cron: str = Field("0 2 * * 1-6", description="When the schedule nightly_import reads what changed.")
    weekly_cron: str = Field("0 2 * * 0", description="When the schedule weekly_import reads everything.")
    schedule_time_zone: str = Field("UTC", description="Zone of both schedules, e.g. Europe/Berlin.")
    warehouse_url: SecretStr = Field(
        SecretStr("sqlite:///warehouse.db"),
        validate_default=True,
        description="mysql+pymysql://user:password@host/database, or an SQLite file (relative: in DAGSTER_HOME).",
    )
    record_types_file: Path | None = Field(
        None,
        description="YAML file of custom columns and record types (absolute path); see docs/record_types.example.yaml.",
    )
    tenants_file: Path | None = Field(
        None, description="YAML file of several companies (absolute path); see docs/tenants.example.yaml."
    )
    netsuite_tenant: str | None = Field(None, description="The company of that file that this process works for.")
    integration_id: int | None = Field(
        None, ge=0, le=2**63 - 1, description="A number of yours for the company, kept with each planned batch."
    )
    batch_size: int = Field(1000, ge=1, le=100_000, description="Records per batch when a range is planned.")
    run_batches: int = Field(75, ge=1, le=1000, description="Batches per Dagster run; a run costs seconds to start.")
    delete_guard_percent: int = Field(
        50,
        ge=0,
        le=100,
        description="A type or batch of which a larger share of the rows would be deleted is held back instead.",
    )
    deleted_rows: Literal["flag", "remove"] = Field(
        "flag",
        description="What becomes of rows whose record NetSuite deleted: deleted_at is set, or they are removed.",
    )
    reject_guard_percent: int = Field(
        50,
        ge=0,
        le=100,
        description="A batch of which a larger share would be rejected for the same column fails instead.",
    )
    warehouse_writers: int = Field(
        2, ge=1, le=8, description="Batches that a run writes to MySQL or MariaDB at once, each on a connection."
    )
    adopt_tables: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Tables to import into that were there before, e.g. customers,items; they are never changed.",
    )
    wave_size: int = Field(300, ge=1, le=100_000, description="Batches in flight per job, at most.")
    wave_dynamic_sizing: bool = Field(
        default=False,
        description="On: batches in flight follow what is seen, from WAVE_SIZE_MIN to WAVE_SIZE.",
    )
    wave_size_min: int = Field(50, ge=1, le=100_000, description="The fewest that WAVE_DYNAMIC_SIZING goes down to.")
    wave_nightly_reserve: int = Field(
        90,
        ge=0,
        le=99,
        description="Percent of WAVE_SIZE that full imports leave while an import of changes is under way.",
    )
    wave_completion_threshold: int = Field(
        90,
        ge=1,
        le=100,
        description="Percent of a wave that is done before the next wave of its level starts.",
    )
    wave_retry_attempts: int = Field(3, ge=0, le=20, description="How often a failed batch is tried again.")
    wave_timeout: int = Field(1800, ge=1, description="Seconds after which a wave without progress is reported.")
    wave_outage_timeout: int = Field(
        21_600,
        ge=1,
        description="Seconds that imports under way wait for a NetSuite that does not answer; then they fail.",
    )
    wave_inter_wave_delay: int = Field(30, ge=0, le=86_400, description="Seconds between two waves.")
    wave_retry_timeout_errors: bool = Field(default=True, description="Try again after timeouts.")
    wave_retry_api_errors: bool = Field(default=True, description="Try again after rate limits and an unavailable API.")
    wave_retry_database_errors: bool = Field(default=True, description="Try again after database errors.")
    wave_continue_on_permanent: bool = Field(default=True, description="Go on when a batch has failed for good.")
    feature_wave_coordination: bool = Field(
        default=True, description="Off: dispatch each level at once, whatever its size."
    )

    @field_validator("adopt_tables", mode="before")
    @classmethod
    def _tables_are_a_list(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("netsuite_tenant")
    @classmethod
    def _tenant_is_a_name(cls, value: str | None) -> str | None:
        if value is not None and (fault := tenant_name.name_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("record_types_file", "tenants_file")
    @classmethod
    def _file_is_absolute(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("expected an absolute path, because daemon, runs and command start in different folders")
        return value

    @field_validator("netsuite_time_zone", "schedule_time_zone", "netsuite_business_hours_time_zone")
    @classmethod
    def _zone_is_known(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, ValueError, OSError):
            raise ValueError("expected the name of a time zone, e.g. Europe/Berlin") from None
        return value

    @field_validator("nightly_cron", "weekly_cron")
    @classmethod
    def _cron_has_five_fields(cls, value: str) -> str:
        # Whether the fields are in bounds is known to Dagster, which the schedules ask.
        if not re.fullmatch(r"\S+( +\S+){4}", value.strip()):
            raise ValueError("expected five fields of cron: minute, hour, day, month and weekday, e.g. 0 2 * * 1-6")
        return value

    @field_validator("netsuite_reserve")
    @classmethod
    def _reserve_leaves_some(cls, value: int, info: ValidationInfo) -> int:
        concurrency = info.data.get("netsuite_concurrency")
        if concurrency is not None and value >= concurrency:
            raise ValueError(f"reserving {value} leaves none of NETSUITE_CONCURRENCY={concurrency}")
        return value

    @field_validator("netsuite_business_hours")
    @classmethod
    def _hours_are_hours(cls, value: str | None) -> str | None:
        if value is not None:
            BusinessHours.parse(value, zone=ZoneInfo("UTC"))
        return value

    @field_validator("netsuite_business_concurrency")
    @classmethod
    def _business_is_less(cls, value: int | None, info: ValidationInfo) -> int | None:
        hours = info.data.get("netsuite_business_hours")
        if hours is not None and value is None:
            raise ValueError(f"NETSUITE_BUSINESS_HOURS={hours} needs it")
        if hours is None and value is not None and "netsuite_business_hours" in info.data:
            raise ValueError("it needs NETSUITE_BUSINESS_HOURS")
        if value is not None and {"netsuite_concurrency", "netsuite_reserve"} <= info.data.keys():
            usual = info.data["netsuite_concurrency"] - info.data["netsuite_reserve"]
            if value > usual:
                raise ValueError(f"{value} is more than the {usual} requests in flight of all other hours")
        return value

    @field_validator("netsuite_language")
    @classmethod
    def _language_is_a_tag(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*", value):
            raise ValueError("expected a language such as en or zh_CN")
        return value

    @field_validator("netsuite_account_id")
    @classmethod
    def _account_is_plain(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9]+([_-][A-Za-z0-9]+)*", value):
            raise ValueError("expected letters, digits and underscores, e.g. 1234567_SB1")
        return value

    @field_validator("netsuite_base_url")
    @classmethod
    def _base_url_is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected an http or https URL such as https://1234567.suitetalk.api.netsuite.com")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("expected scheme, host and port only, without credentials or parameters")
        if parts.port == 0:
            raise ValueError("port 0 is no port to connect to")
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError("plain http is for loopback only, because it would send credentials in the clear")
        return value.rstrip("/")

    @field_validator("warehouse_url")
    @classmethod
    def _warehouse_is_supported(cls, value: SecretStr) -> SecretStr:
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            # Never the error's own words: they quote parts of the URL, and so of the password.
            raise ValueError(_WAREHOUSE_FORM) from None
        if "@" in (url.host or "") + (url.database or "") and url.get_backend_name() != "sqlite":
            raise ValueError(_WAREHOUSE_FORM)
        if url.drivername not in {"sqlite", "sqlite+pysqlite", "mysql+pymysql", "mariadb+pymysql"}:
            raise ValueError(f"{url.drivername} is not supported; use mysql+pymysql, mariadb+pymysql or sqlite")
        if not url.database or url.database == ":memory:":
            raise ValueError("the URL must name a database (for SQLite: a file, because several processes share it)")
        if url.get_backend_name() != "sqlite":
            return value
        # The command and the daemon start in different folders and have to mean the same file.
        file = Path(os.environ.get("DAGSTER_HOME", ""), url.database).absolute()
        return SecretStr(f"{url.drivername}:///{file}")

    @classmethod
    def load(cls, **instead: object) -> Self:
        """The settings of this process, `instead` of some fields; SettingsError naming the first wrong variable."""
        try:
            return cls(**instead)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            variable = str(first["loc"][0]).upper()
            reason = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"{variable} is not usable: {reason}.") from None

    @cached_property
    def netsuite_url(self) -> str:
        """The account's REST host. Lower case and dashes in the host (Oracle help section_1498251763)."""
        if self.netsuite_base_url:
            return self.netsuite_base_url
        host = self.require_account().lower().replace("_", "-")
        return f"https://{host}.suitetalk.api.netsuite.com"

    @property
    def warehouse_database(self) -> str:
        """The database of WAREHOUSE_URL, of an SQLite file its name."""
        url = make_url(self.warehouse_url.get_secret_value())
        return Path(url.database or "").name

    @cached_property
    def business_hours(self) -> BusinessHours | None:
        """The hours with fewer requests in flight; None if there are none."""
        if self.netsuite_business_hours is None:
            return None
        return BusinessHours.parse(self.netsuite_business_hours, zone=ZoneInfo(self.netsuite_business_hours_time_zone))

    def require_account(self) -> str:
        """The account id, upper case with underscores as the OAuth realm wants it; SettingsError if unset."""
        if self.netsuite_account_id is None:
            raise SettingsError("NETSUITE_ACCOUNT_ID is not set: give the account id, e.g. 1234567_SB1.")
        return self.netsuite_account_id.upper().replace("-", "_")

    def missing_credentials(self) -> tuple[str, ...]:
        """The variables that the chosen scheme needs and that are not set."""
        needed = _TBA if self.netsuite_auth == "tba" else _M2M
        return tuple(name.upper() for name in needed if getattr(self, name) is None)

    def require_credentials(self) -> None:
        """SettingsError naming the first credential that the chosen scheme needs and that is not set."""
        for name in self.missing_credentials():
            raise SettingsError(f"{name} is not set: NETSUITE_AUTH={self.netsuite_auth} needs it.")
        if self.netsuite_auth == "m2m" and self.netsuite_private_key_file is not None:
            _require_readable(self.netsuite_private_key_file)


def _require_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"NETSUITE_PRIVATE_KEY_FILE cannot be read: {path}: {error.strerror}.") from None
