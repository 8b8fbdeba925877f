"""The settings: whether they load, whether the credentials are all there, and the key that logs in (M2M).

No request is sent here; whether NetSuite takes the credentials is `account`'s business.
"""

import datetime as dt
from functools import cached_property
from pathlib import Path

from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, listed, ok
from netsuite_pipeline.doctor.signing_key import certificate_answer, key_answer
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings

LOAD = "settings.load"
CREDENTIALS = "settings.credentials"
RECORD_TYPES = "settings.record_types"
KEY = "settings.private_key"


class Configuration:
    """The settings and what follows from them, read when first asked for."""

    @cached_property
    def settings(self) -> Settings:
        """SettingsError if one is unusable."""
        return Settings.load()

    @cached_property
    def catalog(self) -> Catalog:
        """CatalogError if a declaration is unusable."""
        return load_catalog(self.settings)

    @property
    def key_file(self) -> Path:
        """The file of the private key; NotChecked if the scheme has none."""
        if self.settings.netsuite_auth != "m2m":
            raise NotChecked("NETSUITE_AUTH=tba logs in without a key")
        if self.settings.netsuite_private_key_file is None:
            raise NotChecked("NETSUITE_PRIVATE_KEY_FILE is not set")
        return self.settings.netsuite_private_key_file


def settings_checks(configuration: Configuration) -> tuple[Check, ...]:
    """The checks of the group."""
    return (
        Check(
            id=LOAD,
            group=Group.SETTINGS,
            attempted="read the environment",
            look=lambda: _load(configuration),
            remedy="correct the variable; the README lists all of them",
        ),
        Check(
            id=CREDENTIALS,
            group=Group.SETTINGS,
            attempted="account and credentials are set",
            look=lambda: _credentials(configuration.settings),
            needs=(LOAD,),
        ),
        Check(
            id=KEY,
            group=Group.SETTINGS,
            attempted="private key of NETSUITE_PRIVATE_KEY_FILE",
            look=lambda: key_answer(configuration.key_file),
            needs=(LOAD,),
        ),
        Check(
            id="settings.certificate",
            group=Group.SETTINGS,
            attempted="certificate beside the private key",
            look=lambda: certificate_answer(configuration.key_file, now=dt.datetime.now(dt.UTC)),
            needs=(KEY,),
        ),
        Check(
            id=RECORD_TYPES,
            group=Group.SETTINGS,
            attempted="declarations of record types",
            look=lambda: _record_types(configuration),
            needs=(LOAD,),
            remedy="correct the file that RECORD_TYPES_FILE names, or ADOPT_TABLES",
        ),
    )


def _load(configuration: Configuration) -> Answer:
    settings = configuration.settings
    given = [name.upper() for name in sorted(settings.model_fields_set)]
    return ok(f"usable; {len(given)} of {len(type(settings).model_fields)} set, the others have their defaults")


def _credentials(settings: Settings) -> Answer:
    missing = list(settings.missing_credentials())
    if settings.netsuite_account_id is None and (settings.netsuite_auth == "tba" or not settings.netsuite_base_url):
        missing.insert(0, "NETSUITE_ACCOUNT_ID")
    if missing:
        return error(
            f"not set: {listed(missing)}",
            f"set them where daemon, web server and this command start; NETSUITE_AUTH={settings.netsuite_auth} needs"
            " them",
        )
    return ok(
        f"account {settings.netsuite_account_id or settings.netsuite_url}, NETSUITE_AUTH={settings.netsuite_auth}"
    )


def _record_types(configuration: Configuration) -> Answer:
    catalog, file = configuration.catalog, configuration.settings.record_types_file
    own = len(catalog) - len(CATALOG)
    return ok(f"{len(catalog)} record types" + (f", {own} of them from {file}" if file else ""))
