from __future__ import annotations

import pytest

from telephony.vobiz.errors import BadSignature
from telephony.vobiz.signature import Decision, Mode, State, Verdict, decide, enforce, sign, sign_plivo, verify

TOKEN = "VBZ_TEST_TOKEN_0123456789abcdef"
PARENT = "VBZ_PARENT_TOKEN"
NONCE = "12345678901234567890"
OTHER_NONCE = "98765432109876543210"
URL = "https://voice.example.in/vobiz/answer/7?tenant=42&src=did"
V2 = "GMaYx9ko6dCreecONJa6/4owB6sva3bAIuO4ebrsO3c="
V3 = "AFUiC8ytc03AYPX5OAaEhdWaU20QEbb0x+M3Iezo20A="
V3_PLIVO = "XphsIv+IfQlgNsJL2GYLou6BEc/DXninxkoQ5wvl6/E="
BODY = {
    "CallUUID": "5401fd2e-6344-40df-a22c-c8ffea7a92e7",
    "From": "919876543210",
    "To": "918071387423",
    "Direction": "inbound",
    "CallStatus": "ringing",
    "Event": "StartApp",
}


def signed(version: str, signature: str, nonce: str = NONCE) -> dict[str, str]:
    return {
        f"X-Vobiz-Signature-{version}": signature,
        f"X-Vobiz-Signature-{version.removeprefix('MA-')}-Nonce": nonce,
    }


def test_the_worked_vectors_come_out() -> None:
    assert sign("V2", TOKEN, URL, NONCE) == V2
    assert sign("V3", TOKEN, URL, NONCE) == V3
    assert sign_plivo(TOKEN, URL, NONCE, BODY) == V3_PLIVO


def test_the_plivo_form_of_a_get_sorts_the_parameters_into_the_query() -> None:
    by_hand = sign_plivo(TOKEN, "https://h/p?a=1&b=2&c=3", NONCE, {}, "GET")

    assert sign_plivo(TOKEN, "https://h/p?c=3&a=1", NONCE, {"b": "2"}, "GET") == by_hand


@pytest.mark.parametrize("url", [URL, URL + "#part", "https://voice.example.in/vobiz/answer/7"])
def test_query_and_fragment_do_not_count(url: str) -> None:
    assert sign("V3", TOKEN, url, NONCE) == V3


def test_the_port_counts() -> None:
    assert sign("V3", TOKEN, "https://voice.example.in:443/vobiz/answer/7", NONCE) != V3


@pytest.mark.parametrize(
    ("version", "signature"),
    [("V2", V2), ("V3", V3), ("MA-V2", V2), ("MA-V3", V3)],
)
def test_every_version_is_accepted(version: str, signature: str) -> None:
    verdict = verify(signed(version, signature), URL, [TOKEN])

    assert verdict == Verdict(State.GOOD, version, (NONCE,))  # type: ignore[arg-type]
    assert verdict.nonce == NONCE


def test_header_names_are_read_in_any_case() -> None:
    headers = {name.upper(): value for name, value in signed("V3", V3).items()}

    assert verify(headers, URL, [TOKEN]).state is State.GOOD


def test_a_parents_token_opens_a_sub_accounts_callback() -> None:
    headers = signed("MA-V3", sign("V3", PARENT, URL, NONCE))

    assert verify(headers, URL, [TOKEN]).state is State.BAD
    assert verify(headers, URL, [TOKEN], [PARENT]).version == "MA-V3"


def test_any_signature_of_a_list_will_do_while_tokens_change() -> None:
    headers = signed("V3", f"{sign('V3', 'old token', URL, NONCE)}, {V3}")

    assert verify(headers, URL, [TOKEN]).state is State.GOOD


def test_a_list_is_not_read_without_end() -> None:
    headers = signed("V3", "x," * 1000 + V3)

    assert verify(headers, URL, [TOKEN]).state is State.BAD


def test_user_info_in_the_url_is_tried_both_ways() -> None:
    address = "https://user:p%40ss@voice.example.in/vobiz/answer/7"

    assert verify(signed("V3", V3), address, [TOKEN]).state is State.GOOD
    assert verify(signed("V3", sign("V3", TOKEN, address, NONCE)), address, [TOKEN]).state is State.GOOD


def test_the_plivo_form_passes_only_when_asked_for() -> None:
    headers = signed("V3", V3_PLIVO)

    assert verify(headers, URL, [TOKEN]).state is State.BAD
    assert verify(headers, URL, [TOKEN], plivo_params=BODY).version == "V3-plivo"


def test_all_good_nonces_are_reported_and_none_that_was_not_signed() -> None:
    both = signed("V3", V3) | signed("V2", sign("V2", TOKEN, URL, OTHER_NONCE), OTHER_NONCE)
    half = signed("V3", V3) | signed("V2", "forged", OTHER_NONCE)

    assert verify(both, URL, [TOKEN]).nonces == (NONCE, OTHER_NONCE)
    assert verify(half, URL, [TOKEN]).nonces == (NONCE,)


BAD: list[tuple[str, dict[str, str]]] = [
    ("another token", signed("V3", sign("V3", "wrong", URL, NONCE))),
    ("another path", signed("V3", sign("V3", TOKEN, "https://voice.example.in/vobiz/answer/8", NONCE))),
    ("another nonce", signed("V3", V3, OTHER_NONCE)),
    ("no nonce", {"X-Vobiz-Signature-V3": V3}),
    ("empty nonce", signed("V3", sign("V3", TOKEN, URL, ""), "")),
    ("letters in the nonce", signed("V3", sign("V3", TOKEN, URL, "n" * 20), "n" * 20)),
    ("other digits in the nonce", signed("V3", sign("V3", TOKEN, URL, "١" * 20), "١" * 20)),
    ("a V2 nonce that eats the path", signed("V2", sign("V2", TOKEN, URL, NONCE), NONCE[:-1])),
    ("empty signature", signed("V3", "")),
    ("only commas", signed("V3", ",,,")),
    ("not ASCII", signed("V3", "ÄÖ\udcff")),
    ("V3 in the V2 header", signed("V2", V3)),
    ("wrong case", signed("V3", V3.lower())),
]


@pytest.mark.parametrize("headers", [pair[1] for pair in BAD], ids=[pair[0] for pair in BAD])
def test_forgeries_are_bad(headers: dict[str, str]) -> None:
    verdict = verify(headers, URL, [TOKEN])

    assert verdict.state is State.BAD
    assert verdict.nonces == ()


def test_an_empty_token_is_no_key() -> None:
    headers = signed("V3", sign("V3", "", URL, NONCE))

    assert verify(headers, URL, ["", ""], [""]).state is State.BAD


def test_no_header_is_absent_and_the_legacy_header_does_not_count() -> None:
    assert verify({}, URL, [TOKEN]).state is State.ABSENT
    assert verify({"X-Vobiz-Signature": V2, "auth-token": TOKEN}, URL, [TOKEN]).state is State.ABSENT


@pytest.mark.parametrize(
    ("mode", "state", "decision"),
    [
        (Mode.OFF, State.ABSENT, Decision.ACCEPT),
        (Mode.OFF, State.BAD, Decision.ACCEPT),
        (Mode.OFF, State.GOOD, Decision.ACCEPT),
        (Mode.IF_PRESENT, State.ABSENT, Decision.ACCEPT),
        (Mode.IF_PRESENT, State.BAD, Decision.REFUSE_FORGED),
        (Mode.IF_PRESENT, State.GOOD, Decision.ACCEPT),
        (Mode.REQUIRED, State.ABSENT, Decision.REFUSE_UNSIGNED),
        (Mode.REQUIRED, State.BAD, Decision.REFUSE_FORGED),
        (Mode.REQUIRED, State.GOOD, Decision.ACCEPT),
    ],
)
def test_strictness_decides(mode: Mode, state: State, decision: Decision) -> None:
    assert decide(mode, Verdict(state)) is decision


def test_enforcing_raises_with_the_status_to_answer() -> None:
    enforce(Mode.REQUIRED, Verdict(State.GOOD))
    with pytest.raises(BadSignature) as forged:
        enforce(Mode.IF_PRESENT, Verdict(State.BAD))
    with pytest.raises(BadSignature) as unsigned:
        enforce(Mode.REQUIRED, Verdict(State.ABSENT))

    assert (forged.value.http_status, unsigned.value.http_status) == (403, 401)
