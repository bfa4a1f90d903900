"""What people type: opening times, addresses, numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.hours import HoursError, read_intervals, said
from telephony.routes import targets
from telephony.routes.plan import PLACES, place_of, word


@pytest.mark.parametrize(
    ("typed", "intervals"),
    [
        ("", ()),
        (" closed ", ()),
        ("9-18", ((540, 1080),)),
        ("09:00–13:00, 14.30 to 18", ((540, 780), (870, 1080))),
        ("0-24", ((0, 0),)),
        ("22:00-02:00", ((1320, 120),)),
        ("9:00 — 24:00", ((540, 0),)),
    ],
)
def test_times_are_read_as_people_write_them(typed, intervals):
    assert read_intervals(typed) == intervals


@pytest.mark.parametrize(
    "typed",
    [
        "always",
        "9",
        "9-",
        "25-26",
        "9:60-10",
        "9-18-20",
        "9-12, 11-13",
        "22-2, 23-24",
        "9-9",
        "24-3",
        "9-24:30",
        "-9-18",
    ],
)
def test_what_is_no_time_is_said_so(typed):
    with pytest.raises(HoursError):
        read_intervals(typed)


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_times_come_back_as_they_were(opens, closes):
    if opens != closes or opens == 0:
        assert read_intervals(said(((opens, closes),))) == ((opens, closes),)


@pytest.mark.parametrize(
    "address",
    [
        "wss://agents.example.com/in",
        "wss://agents.example.com:8443/in?from={caller}&to={called}&id={call_id}",
        "wss://8.8.8.8/x",
        "wss://[2606:4700::1111]/x",
    ],
)
def test_an_agent_elsewhere_has_a_public_secure_address(address):
    assert targets.websocket(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ws://agents.example.com/in",
        "https://agents.example.com/in",
        "wss://localhost/in",
        "wss://agents/in",
        "wss://box.local/in",
        "wss://db.internal/in",
        "wss://10.1.2.3/in",
        "wss://127.1/in",
        "wss://0x7f000001/in",
        "wss://2130706433/in",
        "wss://169.254.169.254/latest",
        "wss://[::1]/in",
        "wss://[::ffff:10.0.0.1]/in",
        "wss://user:secret@agents.example.com/in",
        "wss://{caller}.example.com/in",
        "wss://agents.example.com/in#x",
        "wss://agents.example.com:99999/in",
        "wss://agents.example.com/a wss://agents.example.com/b",
        "wss://agents.example.com/é",
        "wss://",
    ],
)
def test_an_address_that_no_call_should_reach_is_refused(address):
    with pytest.raises(targets.TargetError):
        targets.websocket(address)


def test_sip_addresses_stand_one_a_line():
    typed = "sip:asha@agents.example.com\n\n sips:desk@8.8.8.8:5061;transport=tls \nsip:asha@agents.example.com"

    assert targets.sip(typed) == ("sip:asha@agents.example.com", "sips:desk@8.8.8.8:5061;transport=tls")


@pytest.mark.parametrize(
    "typed",
    ["", "asha@example.com", "sip:agents.example.com", "sip:a@10.0.0.1", "sip:a@pbx", "sip:a@b.com x", "sip:a@[::1]"],
)
def test_what_is_no_sip_address_is_refused(typed):
    with pytest.raises(targets.TargetError):
        targets.sip(typed)


def test_people_have_whole_numbers():
    assert targets.people("080 4123 4567, +91 80 4123 4568\n+918041234567") == ("+918041234567", "+918041234568")


@pytest.mark.parametrize("typed", ["", "112", "abc", "\n".join(f"+91804123456{n}" for n in range(6))])
def test_what_nobody_can_ring_is_refused(typed):
    with pytest.raises(targets.TargetError):
        targets.people(typed)


def test_every_place_has_a_word_for_addresses():
    assert [place_of(word(place)) for place in PLACES] == list(PLACES)
    assert {word("#"), word("*"), word("1"), word("open")} == {"hash", "star", "1", "open"}
    assert place_of("elsewhere") == place_of("") == ""
