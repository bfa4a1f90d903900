from tests.telephony.at_carrier import as_role, owner, vobiz  # noqa: F401
from tests.telephony.routes.conftest import carrier, route  # noqa: F401
