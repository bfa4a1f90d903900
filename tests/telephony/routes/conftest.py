"""A number with routes, and the carrier's callbacks about them."""

from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.urls import reverse

from telephony.models import Route, RoutePlan, RouteStep
from tenants.scope import platform_scope

FORM = "application/x-www-form-urlencoded"


class Carrier:
    """Posts what the carrier would about one call to a shop's number, and reads the answers."""

    def __init__(self, client, shop, call_id="uuid-1"):
        self.client, self.shop, self.call_id = client, shop, call_id

    def post(self, kind, *more, **fields):
        base = {
            "CallUUID": self.call_id,
            "From": "919876543210",
            "To": self.shop.number.e164[1:],
            "Direction": "inbound",
            "CallStatus": "in-progress",
            "Event": "Redirect",
        }
        url = reverse(f"vobiz:{kind}", args=[self.shop.number.token, *more])
        return self.client.post(url, urlencode(base | fields), content_type=FORM)

    def fetch(self, kind, *more, **fields):
        """The document as [(tag, element)]."""
        response = self.post(kind, *more, **fields)
        assert response.status_code == 200, response.content
        return [(element.tag, element) for element in ElementTree.fromstring(response.content)]

    def tags(self, kind, *more, **fields):
        return [tag for tag, _ in self.fetch(kind, *more, **fields)]

    def ring(self):
        return self.fetch("answer", Event="StartApp", CallStatus="ringing")

    def hang_up(self, **fields):
        more = {"Event": "Hangup", "CallStatus": "completed", "HangupCause": "NORMAL_CLEARING"}
        return self.post("hangup", **more, HangupCauseCode="4000", **fields)

    @property
    def call(self):
        return next(call for call in self.shop.calls() if call.carrier_id == self.call_id)

    @property
    def steps(self):
        """(place, kind, outcome) of each route that the call took."""
        with platform_scope("test"):
            rows = list(RouteStep.objects.filter(call__carrier_id=self.call_id))
        return [(row.place, row.kind, row.outcome) for row in rows]


@pytest.fixture
def carrier(client, acme):
    return Carrier(client, acme)


@pytest.fixture
def route(acme):
    """Give the number a route."""

    def make(place, kind, **fields):
        with acme.scope():
            fields.setdefault("agent", acme.agent if kind == "agent" else None)
            return Route.objects.create(number=acme.number, place=place, kind=kind, **fields)

    return make


@pytest.fixture
def settings_of_number(acme):
    """Hours and menu of the number."""

    def make(**fields):
        with acme.scope():
            return RoutePlan.objects.create(number=acme.number, **fields)

    return make
