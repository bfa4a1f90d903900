"""A call whose agent has promised somebody, and the carrier's callbacks about it."""

from dataclasses import dataclass, replace

import pytest

from agents import publishing
from agents.voice.blueprint import TransferTarget
from telephony.models import Call, Status
from telephony.takeover import workers
from telephony.takeover.models import CallNote
from telephony.transfers.models import Transfer
from tests.telephony.at_carrier import vobiz  # noqa: F401
from tests.telephony.conftest import CONFIG
from tests.telephony.routes.conftest import Carrier

DESK, SECOND = "+918041234567", "+918041234568"


@dataclass
class Scene:
    """One call of a shop. `carrier` posts about it."""

    shop: object
    carrier: Carrier
    call: Call

    @property
    def transfer(self):
        with self.shop.scope():
            return Transfer.objects.prefetch_related("legs").get(call=self.call)

    @property
    def legs(self):
        return [leg.state for leg in self.transfer.legs.all()]

    def again(self):
        with self.shop.scope():
            self.call.refresh_from_db()
        return self.call

    def after_stream(self):
        return self.carrier.fetch("after-stream")

    def advice(self):
        with self.shop.scope():
            note = CallNote.objects.filter(call=self.call, key="advice").first()
        return note and note.value


@pytest.fixture
def promised(client, acme, monkeypatch):
    """Let the agent of a call promise a target of these destinations."""
    monkeypatch.setattr(workers, "lives", lambda url: True)

    def make(*destinations, tongues=(), **target):
        first, *others = destinations or (DESK,)
        wanted = TransferTarget("Front desk", first, tuple(others), **target)
        with acme.scope():
            config = replace(CONFIG, key_terms=("desk",), targets=(wanted,), tongues=tongues)
            publishing.save_draft(acme.agent, config)
            version = publishing.publish(acme.agent, None)
        call = acme.call(
            carrier_id="uuid-1",
            status=Status.ANSWERED,
            outcome="transfer",
            transfer_to="Front desk",
            version=version,
            epoch=1,
        )
        return Scene(acme, Carrier(client, acme), call)

    return make
