from tests.telephony.at_carrier import as_role, owner, vobiz  # noqa: F401
