"""Rules that several record types share: readable names for codes, and the names that people and companies need.

A rule never changes a value of NetSuite's: it adds a column or rejects the row with a reason. The two sorts of
rules are defined in `model`, run in `transform.rows`.
"""

from collections.abc import Mapping

from netsuite_pipeline.record_types.model import Check, Derived, Values, text

_NAME_LENGTH = 64


def enum(code: str, names: Mapping[str, str], *, name: str) -> Derived:
    """A column `name` with what the code in column `code` means; NULL for a code without a known meaning."""
    too_long = [meaning for meaning in names.values() if len(meaning) > _NAME_LENGTH]
    if too_long:
        raise ValueError(f"{name}: {too_long[0]!r} is longer than {_NAME_LENGTH} characters.")

    def meaning(values: Values) -> str | None:
        return names.get(values[code])

    says = f"{code}: {', '.join(f'{known} = {meaning}' for known, meaning in names.items())}; else NULL"
    return Derived(field=text(name, _NAME_LENGTH), of=(code,), says=says, compute=meaning)


def _nameless_person(values: Values) -> str | None:
    if values["isperson"] is not True or _is_named(values, "firstname", "lastname", "altname"):
        return None
    return "a person needs a firstname, a lastname, an altname, or an entityid that is a name"


def _nameless_company(values: Values) -> str | None:
    if values["isperson"] is not False or _is_named(values, "companyname", "altname"):
        return None
    return "a company needs a companyname, an altname, or an entityid that is a name"


def _is_named(values: Values, *names: str) -> bool:
    # Accounts that do not number their records keep the name in `entityid`.
    entityid = values["entityid"] or ""
    return any(map(str.isalpha, entityid)) or any(values[name] and not values[name].isspace() for name in names)


# For types with the columns isperson, entityid, altname, companyname, firstname and lastname. Without isperson nobody
# knows which names are due, and nothing is asked for.
PERSON_OR_COMPANY = (
    Check(reason="person_without_name", field="lastname", complaint=_nameless_person),
    Check(reason="company_without_name", field="companyname", complaint=_nameless_company),
)
