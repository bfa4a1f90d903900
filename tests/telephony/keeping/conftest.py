import pytest

from tests.telephony.at_carrier import as_role, owner, vobiz  # noqa: F401
from tests.telephony.routes.conftest import carrier, route  # noqa: F401


@pytest.fixture(autouse=True)
def in_reach(settings):
    settings.CARRIER_IN_REACH = True
