"""Conversations in which a vendor fails: somebody steps in, and the caller hardly hears it."""

from dataclasses import replace

from agents.voice import health
from agents.voice.blueprint import Second, Stage
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.mouth import RECORDED
from agents.voice.providers.base import TtsCapabilities
from tests.agents.voice.conversing import BLUEPRINT, LONG, call
from tests.fakes.providers import FakeLlm, FakeStt, FakeTts, fakes
from tests.speech import babble

OTHER = Stage("other", "other", "o")
SECOND = replace(BLUEPRINT, second=Second(stt=OTHER, llm=OTHER, tts=OTHER))
ASKS = [(4_000, babble(900))]


def both(finals=(), replies=(), *, second_replies=(), second_finals=(), **options):
    return replace(
        fakes(finals, replies, **options),
        stt_second=FakeStt(list(second_finals), name="other"),
        llm_second=FakeLlm(list(second_replies), name="other"),
        tts_second=FakeTts(name="other"),
    )


# --- the model ---


def test_a_model_that_is_late_is_asked_twice_and_the_first_token_wins():
    providers = both(["when"], ["never"], second_replies=["At nine."])
    providers.llm.first_s = 60

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert outcome.kinds("agent") == ["greeting", "speech"]
    assert 1_250 <= outcome.report.turns[-1].timing.token_ms <= 1_400
    assert (outcome.counter("hedged"), providers.llm.cancelled) == (1, 1)


def test_the_first_model_may_still_win_after_the_second_was_asked():
    providers = both(["when"], ["At ten."], second_replies=["At nine."])
    providers.llm.first_s, providers.llm_second.first_s = 1.5, 3.0

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At ten."
    assert providers.llm_second.cancelled == 1


def test_only_a_tenth_of_all_requests_is_asked_twice():
    health.HEDGES._tokens = 0.0
    providers = both(["when"], ["At ten."], second_replies=["At nine."])
    providers.llm.first_s = 2.0

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At ten."
    assert providers.llm_second.asked == []


def test_a_model_that_fails_at_once_is_replaced_at_once():
    providers = both(["when"], [ProviderError("fake", "http_500")], second_replies=["At nine."])

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert outcome.report.turns[-1].timing.model_ms <= 300


def test_both_models_fail_and_the_caller_is_told():
    broken = ProviderError("fake", "http_500")
    providers = both(["when"], [broken], second_replies=[broken])

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.trouble


def test_a_model_that_breaks_off_has_said_what_is_complete():
    providers = fakes(["when"], [["At nine. ", ProviderError("fake", "closed")]])

    outcome = call(providers, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert any("closed" in error for error in outcome.report.errors)


def test_a_refused_key_of_the_model_is_not_tried_again_while_a_second_is_there():
    providers = both(["when", "and"], [ProviderRefused("fake", "unauthorized")], second_replies=["At nine.", "At ten."])

    outcome = call(providers, blueprint=SECOND, speech=[*ASKS, (9_000, babble(900))], hang_up_ms=16_000)

    assert outcome.said("agent")[1:] == ["At nine.", "At ten."]
    assert len(providers.llm.asked) == 1


def test_a_model_that_cannot_be_reached_ends_the_call_with_an_apology():
    outcome = call(fakes(["when"], refuses=True), hang_up_ms=60_000)

    assert outcome.report.outcome == "failed"
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.failed


# --- the voice ---


def test_a_voice_that_says_nothing_is_replaced_after_1200_ms():
    providers = both(["when"], ["At nine."], stalls=True)

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent") == [BLUEPRINT.greeting, "At nine."]
    assert providers.tts_second.said == [BLUEPRINT.greeting, "At nine."]
    assert 1_200 <= outcome.line.audible_ms()[0][0] <= 1_450


def test_a_voice_that_dies_in_mid_word_is_continued_from_that_word():
    providers = both(["when"], [LONG], dies_after=7)

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=20_000)

    rest = providers.tts_second.said[0]
    assert outcome.said("agent")[1] == LONG
    assert rest == "on all weekdays and from ten to one on Saturdays."
    assert outcome.report.underruns <= 1


def test_a_voice_that_falls_silent_in_mid_sentence_is_continued_after_the_queued_audio():
    providers = both(["when"], [LONG], dies_after=12, stalls=True)
    providers.tts.stalls = False
    greeting_first = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=20_000)

    assert greeting_first.said("agent")[1] == LONG


def test_without_word_times_the_rest_is_estimated():
    providers = both(["when"], [LONG], dies_after=12)
    providers.tts.capabilities = TtsCapabilities(words=False, languages=("en",))

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=20_000)

    assert outcome.said("agent")[1] == LONG
    assert 0 < len(providers.tts_second.said[0]) < len(LONG.split(". ")[0])


def test_a_single_voice_is_connected_anew_for_the_rest():
    outcome = call(fakes(["when"], [LONG], dies_after=12), speech=ASKS, hang_up_ms=20_000)

    assert outcome.said("agent")[1] == LONG
    assert outcome.report.outcome == "caller_hung_up"


def test_both_voices_are_dead():
    providers = both(["hi"], ["Hello."], dead=True)
    providers.tts_second.dead = True

    outcome = call(providers, blueprint=SECOND, hang_up_ms=12_000)

    assert outcome.said("agent") == [RECORDED]
    assert outcome.report.outcome == "failed"


def test_what_was_heard_is_right_across_two_voices():
    providers = both(["when", "no i mean tuesday"], [LONG], dies_after=8)
    providers.stt.partials += [(9_600, "no i mean")]

    outcome = call(providers, blueprint=SECOND, speech=[*ASKS, (9_000, babble(1_500, seed=2))], hang_up_ms=16_000)

    cut = outcome.report.turns[2]
    assert f"{cut.text} {cut.unheard}" == LONG
    assert len(cut.text.split()) > 8


# --- the recogniser ---


def test_a_recogniser_that_breaks_in_mid_sentence_hears_the_turn_again():
    providers = fakes(["when are you open"], ["At nine."], dies_at_ms=5_000)

    outcome = call(providers, speech=[(4_000, babble(2_000))], hang_up_ms=12_000)

    first, second = providers.stt.fed
    assert outcome.said("agent")[-1] == "At nine."
    assert len(first) == 250
    assert second[15:60] == first[200:245], "what was said before the break was fed again"


def test_the_second_recogniser_takes_over_after_two_tries():
    providers = both([], ["At nine."], second_finals=["when are you open"], fail_open=9)

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert providers.stt.fail_open == 7
    assert outcome.counter("stt_replaced") == 1
    assert outcome.usage("stt.audio", "other") > 10_000


def test_a_refused_recogniser_is_replaced_without_another_try():
    providers = both([], ["At nine."], second_finals=["when are you open"])

    def refuse(blueprint):
        raise ProviderRefused("fake", "unauthorized")

    providers.stt.open = refuse

    outcome = call(providers, blueprint=SECOND, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert [error for error in outcome.report.errors if "unauthorized" in error] == ["fake: unauthorized"]


def test_a_recogniser_that_is_silent_through_three_seconds_of_speech_is_urged_and_then_replaced():
    providers = fakes([], ["At nine."], mute=True)

    outcome = call(providers, speech=[(3_000, babble(6_000))], hang_up_ms=14_000)

    assert providers.stt.opened >= 2
    assert any("stall" in error for error in outcome.report.errors)


# --- the process remembers ---


def test_new_calls_begin_with_the_second_while_the_first_is_ill():
    broken = ProviderError("fake", "http_500")
    providers = both(["a b", "c d", "e f"], [broken, broken, broken], second_replies=["One.", "Two.", "Three."])
    calls = [(4_000, babble(900)), (8_000, babble(900)), (12_000, babble(900))]
    call(providers, blueprint=SECOND, speech=calls, hang_up_ms=18_000)
    asked = len(providers.llm.asked)

    again = both(["a b"], ["First."], second_replies=["Second."])
    outcome = call(again, blueprint=SECOND, speech=ASKS, hang_up_ms=10_000)

    assert asked == 3
    assert outcome.said("agent")[-1] == "Second."


def test_what_was_given_up_is_still_counted():
    providers = fakes(["when", "no i mean tuesday"], [[LONG[:60], 3.0, LONG[60:]], "Tuesday."])
    providers.stt.partials += [(7_600, "no i mean")]

    outcome = call(providers, speech=[*ASKS, (7_000, babble(1_500, seed=2))], hang_up_ms=14_000)

    assert outcome.usage("llm.tokens_in") > 0
    assert outcome.usage("llm.tokens_out") == 15
    assert outcome.counter("usage_estimated") == 1


# --- the carrier ---


def test_a_peer_that_takes_nothing_for_five_seconds_is_given_up():
    outcome = call(fakes([], []), blueprint=replace(BLUEPRINT, greeting=LONG), stuck_ms=1_000, hang_up_ms=30_000)

    assert outcome.report.outcome == "line_dead"
    assert 6_000 <= outcome.report.duration_ms <= 7_000
