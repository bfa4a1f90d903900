"""Where a tool may connect, and where not."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from agents.voice.tools.addresses import forbidden, literal
from agents.voice.tools.guard import Gate, Refused

INSIDE = {
    "0.0.0.0": "unspecified",
    "10.1.2.3": "private",
    "100.64.0.1": "private",
    "100.100.100.200": "private",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "metadata",
    "169.254.169.254": "metadata",
    "169.254.1.1": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "reserved",
    "192.0.2.1": "reserved",
    "192.168.1.1": "private",
    "198.18.0.1": "reserved",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:a9fe:a9fe": "metadata",
    "::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::a9fe:a9fe": "metadata",
    "64:ff9b:1::1": "reserved",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "reserved",
    "2001:db8::1": "reserved",
    "2002:7f00:1::1": "loopback",
    "2002:a9fe:a9fe::1": "metadata",
    "2002:808:808::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "5f00::1": "reserved",
    "no address": "not an address",
}

OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]


@pytest.mark.parametrize(("address", "word"), INSIDE.items())
def test_no_tool_connects_to_the_inside(address, word):
    assert forbidden(address) == word


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_open(address):
    assert forbidden(address) == ""


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0", "0.0.0.0"),
        ("tools.example", ""),
        ("1.2.3.4.5", ""),
        ("256.1.1.1", ""),
        ("face", ""),
        ("0xzz", ""),
        ("", ""),
    ],
)
def test_numbers_in_every_spelling_are_addresses(host, address):
    assert literal(host) == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://tools.example/", "the address is not https"),
        ("ftp://tools.example/", "the address is not one of the web"),
        ("file:///etc/passwd", "the address is not one of the web"),
        ("gopher://127.0.0.1:6379/_x", "the address is not one of the web"),
        ("https:///x", "the address is not one of the web"),
        ("https://[::1/", "the address is not one of the web"),
        ("https://tools.example:99999/", "the address is not one of the web"),
        ("https://user:word@tools.example/", "the address holds a password"),
        ("https://127.0.0.1/", "127.0.0.1 is a loopback address"),
        ("https://2130706433/", "2130706433 is a loopback address"),
        ("https://0x7f.1/", "0x7f.1 is a loopback address"),
        ("https://0177.0.0.1/", "0177.0.0.1 is a loopback address"),
        ("https://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254 is a metadata address"),
        ("https://[fd00::1]:8443/", "fd00::1 is a private address"),
        ("https://localhost/", "localhost is a loopback name"),
        ("https://LocalHost.:8443/", "localhost. is a loopback name"),
        ("https://db.localhost/", "db.localhost is a loopback name"),
        ("https://crm.local/", "crm.local is a private name"),
        ("https://metadata.google.internal/", "metadata.google.internal is a private name"),
        ("https://nas.home.arpa/", "nas.home.arpa is a private name"),
        ("https://postgres/", "postgres is a private name"),
    ],
)
def test_what_an_address_says_itself_is_refused_without_the_network(url, reason):
    gate = Gate()

    with pytest.raises(Refused) as refusal:
        gate.check(url)

    assert refusal.value.reason == reason
    assert gate.refusals == [reason]


def test_a_private_host_opens_only_for_the_port_that_the_operator_named():
    gate = Gate(("Crm.local:8443", "127.0.0.1:80"))

    gate.check("https://crm.local:8443/x")
    gate.check("http://127.0.0.1/x")
    gate.check("https://localhost.example/x")
    gate.check("https://internal.example/x")
    with pytest.raises(Refused):
        gate.check("http://crm.local/x")
    with pytest.raises(Refused):
        gate.check("http://127.0.0.1:81/x")


async def test_one_inner_address_among_a_names_addresses_is_enough_to_refuse():
    async def resolver(host, port):
        return ["93.184.216.34", "10.0.0.7"]

    with pytest.raises(Refused, match="private"):
        await Gate(resolver=resolver).addresses("tools.example", 443)


async def test_the_systems_resolver_reads_numbers_too_and_they_are_judged():
    with pytest.raises(Refused, match="loopback"):
        await Gate().addresses("2130706433", 443)
    with pytest.raises(Refused, match="loopback"):
        await Gate().addresses("localhost", 443)


def inner(address) -> bool:
    """The standard library's opinion, which is narrower."""
    return (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


@given(integers(0, 2**32 - 1).map(IPv4Address))
def test_whatever_the_language_calls_inner_is_forbidden_and_however_it_is_wrapped(address):
    word = forbidden(str(address))

    if inner(address):
        assert word
    for wrapped in (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        str(IPv6Address((0x2002 << 112) | (int(address) << 80))),
    ):
        assert forbidden(wrapped) or not word, wrapped
    assert literal(str(int(address))) == literal(hex(int(address))) == str(address)


@given(integers(0, 2**128 - 1).map(IPv6Address))
def test_no_inner_address_of_the_new_kind_is_open(address):
    if inner(address) and address not in IPv6Network("64:ff9b::/96"):
        assert forbidden(str(address))
    if forbidden(str(address)) == "" and address not in IPv6Network("64:ff9b::/96"):
        assert address in IPv6Network("2000::/3")
