"""A call that goes on, or begins, in another language: sentences, prompt, and who can serve it. Virtual time."""

from dataclasses import replace

import pytest

from agents.voice import tongues
from agents.voice.blueprint import Limits, Second, Stage, Tongue
from agents.voice.errors import ProviderError
from agents.voice.phrases import recorded_apology
from agents.voice.providers.base import LlmTool, SttCapabilities, ToolCall, TtsCapabilities
from agents.voice.variables import filled_in
from tests.agents.voice.conversing import BLUEPRINT, GREETING, call
from tests.fakes.providers import HEARS, THINKS, FakeBox, FakeLlm, FakeStt, FakeTts, fakes
from tests.speech import babble

HINDI = tongues.shipped("hi")
BOTH = TtsCapabilities(words=True, languages=("en", "hi"))
STAGE = Stage("fake", "fake", "hi")
TONGUE = Tongue("hi", STAGE, instructions="Call people ji.")
SPEAKS = replace(BLUEPRINT, tongues=(TONGUE,))
ASKS_SOON = Limits(idle_ms=3_000, idle_prompts=1, max_call_s=120)
ASKS = [(4_000, babble(900))]
ASKS_AGAIN = [*ASKS, (9_000, babble(900, seed=2))]


def switch(language="hi"):
    return LlmTool(ToolCall("call_1", "switch_language", f'{{"language": "{language}"}}'))


def with_voice(providers, hindi=None, **parts):
    return replace(providers, tongues=(("hi", hindi or FakeTts(name="hindi")),), **parts)


def told(messages):
    return [message.text for message in messages if message.role == "system"]


def test_after_the_change_the_engines_own_sentences_are_of_that_language():
    hindi = FakeTts(name="hindi")
    providers = with_voice(fakes(["hindi mein boliye"], [[switch()], "जी।"]), hindi)

    outcome = call(providers, blueprint=replace(SPEAKS, limits=ASKS_SOON), speech=ASKS, hang_up_ms=30_000)

    assert outcome.said("agent") == [GREETING, "जी।", HINDI.idle, HINDI.goodbye]
    assert hindi.said == ["जी।", HINDI.idle, HINDI.goodbye]
    assert providers.tts.said == [GREETING]


def test_what_the_tenant_has_written_for_it_is_said():
    own = replace(TONGUE, phrases=(("idle", "हैलो जी?"),))
    providers = with_voice(fakes(["hindi mein boliye"], [[switch()], "जी।"]))

    blueprint = replace(SPEAKS, tongues=(own,), limits=ASKS_SOON)
    outcome = call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=30_000)

    assert outcome.said("agent")[2:] == ["हैलो जी?", HINDI.goodbye]


def test_trouble_and_waiting_are_told_in_it_too():
    broken = ProviderError("fake", "http_500")
    box = FakeBox(effects={"look": "read"}, takes={"look": 4.0})
    look = LlmTool(ToolCall("call_2", "look", "{}"))
    providers = with_voice(fakes(["hindi", "dekhiye"], [[switch()], "जी।", [look], broken, broken]))

    outcome = call(providers, blueprint=SPEAKS, tools=box, speech=ASKS_AGAIN, hang_up_ms=22_000)

    assert HINDI.wait in outcome.said("agent")
    assert any(text.endswith(HINDI.trouble) for text in outcome.said("agent"))


def test_the_model_is_told_which_language_it_speaks_and_what_the_tenant_wants_there():
    providers = with_voice(fakes(["hindi", "english"], [[switch()], "जी।", [switch("en")], "Yes."]))

    call(providers, blueprint=SPEAKS, speech=ASKS_AGAIN, hang_up_ms=16_000)

    first, in_hindi, still, in_english = (told(messages) for messages in providers.llm.asked)
    assert first == ["Be kind."]
    assert in_hindi == still == ["Be kind.", tongues.prompt(SPEAKS, "hi")]
    assert in_english == ["Be kind.", tongues.prompt(SPEAKS, "en")]
    results = [message.text for message in providers.llm.asked[1] if message.role == "tool"]
    assert results == ["From now on, speak Hindi."]


def test_a_call_that_begins_in_it_tells_the_model():
    blueprint, _ = filled_in(replace(SPEAKS, variables=(("language", "hi"),)))
    providers = with_voice(fakes(["haan"], ["जी।"]))

    call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=8_000)

    assert told(providers.llm.asked[0]) == ["Be kind.", tongues.prompt(SPEAKS, "hi")]


def test_the_model_of_an_agent_whose_only_language_is_hindi_is_told_so():
    providers = fakes(["haan"], ["जी।"])

    call(providers, blueprint=replace(BLUEPRINT, language="hi"), speech=ASKS, hang_up_ms=8_000)

    assert "answer in Hindi" in told(providers.llm.asked[0])[-1]


def test_first_words_that_nobody_has_translated_are_said_in_their_own_voice():
    blueprint, _ = filled_in(replace(SPEAKS, consent="This call is recorded.", variables=(("language", "hi"),)))
    hindi = FakeTts(name="hindi")
    providers = with_voice(fakes(["haan"], ["जी।"]), hindi)

    call(providers, blueprint=blueprint, speech=[(6_500, babble(900))], hang_up_ms=12_000)

    assert providers.tts.said == ["This call is recorded.", GREETING]
    assert hindi.said[0] == "जी।"


def test_the_recording_is_announced_in_the_language_in_which_the_call_begins():
    tongue = replace(TONGUE, greeting="नमस्ते।", consent="यह कॉल रिकॉर्ड की जा रही है।")
    blueprint, _ = filled_in(
        replace(SPEAKS, consent="This call is recorded.", tongues=(tongue,), variables=(("language", "hi"),))
    )
    hindi = FakeTts(name="hindi")

    call(with_voice(fakes(), hindi), blueprint=blueprint, hang_up_ms=6_000)

    assert hindi.said[:2] == [tongue.consent, tongue.greeting]
    assert filled_in(replace(blueprint, consent=""))[0].consent == ""


# --- who can serve it ---


def test_a_second_voice_that_does_not_speak_it_is_not_asked_and_one_of_the_agents_that_does_steps_in():
    hindi, second = FakeTts(name="hindi", dead=True), FakeTts(name="second")
    providers = fakes(["hindi"], [[switch()], "जी।"], capabilities=BOTH)
    providers = with_voice(replace(providers, stt=FakeStt(["hindi"]), llm=FakeLlm([[switch()], "जी।"])), hindi)
    providers = replace(providers, tts_second=second)

    outcome = call(
        providers, blueprint=replace(SPEAKS, second=Second(tts=Stage("second", "x"))), speech=ASKS, hang_up_ms=9_000
    )

    assert second.said == []
    assert providers.tts.said == [GREETING, "जी।"]
    assert outcome.said("agent") == [GREETING, "जी।"]


def test_a_second_voice_that_speaks_it_steps_in():
    hindi, second = FakeTts(name="hindi", dead=True), FakeTts(name="second", capabilities=BOTH)
    providers = with_voice(fakes(["hindi"], [[switch()], "जी।"]), hindi)

    call(
        replace(providers, tts_second=second),
        blueprint=replace(SPEAKS, second=Second(tts=Stage("second", "x"))),
        speech=ASKS,
        hang_up_ms=9_000,
    )

    assert second.said == ["जी।"]


def test_without_any_voice_for_it_the_apology_is_in_it():
    providers = with_voice(fakes(["hindi"], [[switch()], "जी।"]), FakeTts(name="hindi", dead=True))

    outcome = call(providers, blueprint=SPEAKS, speech=ASKS, hang_up_ms=20_000)

    assert outcome.report.outcome == "failed"
    assert recorded_apology("hi")[8_000:16_000] in b"".join(frame for _, frame in outcome.line.heard)


def test_a_recogniser_that_does_not_know_it_gives_way_to_the_second_that_does():
    knows_both = replace(HEARS, languages=("en", "hi"))
    first, second = FakeStt(["hindi", "never"]), FakeStt(["haan"], name="second", capabilities=knows_both)
    providers = with_voice(fakes(replies=[[switch()], "जी।", "ठीक है।"]))
    providers = replace(providers, stt=first, stt_second=second)
    blueprint = replace(SPEAKS, second=Second(stt=Stage("second", "x")))

    outcome = call(providers, blueprint=blueprint, speech=ASKS_AGAIN, hang_up_ms=14_000)

    assert (first.languages, second.languages) == (["en"], ["hi"])
    assert outcome.said("caller") == ["hindi", "haan"]


def test_a_model_that_does_not_know_it_gives_way_to_the_second_that_does():
    second = FakeLlm(["जी।"], name="second", capabilities=replace(THINKS, languages=("en", "hi")))
    providers = with_voice(fakes(["hindi"], [[switch()]]), llm_second=second)
    blueprint = replace(SPEAKS, second=Second(llm=Stage("second", "x")))

    outcome = call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=9_000)

    assert outcome.said("agent") == [GREETING, "जी।"]
    assert len(providers.llm.asked) == 1


@pytest.mark.parametrize(("follows", "connections"), [(True, ["en"]), (False, ["en", "hi"])])
def test_a_recogniser_that_follows_the_caller_is_not_connected_anew(follows, connections):
    providers = with_voice(fakes(["hindi", "haan"], [[switch()], "जी।", "ठीक है।"]))
    providers.stt.capabilities = SttCapabilities(
        "segments", partials=True, languages=("en", "hi"), whole_phrases=True, follows=follows
    )

    outcome = call(providers, blueprint=SPEAKS, speech=ASKS_AGAIN, hang_up_ms=14_000)

    assert providers.stt.languages == connections
    assert outcome.said("caller") == ["hindi", "haan"]


def test_a_word_of_a_quarter_of_a_second_that_was_heard_to_its_end_was_heard():
    providers = fakes(["haan", "aur"], ["जी।", "ठीक है।"])

    outcome = call(providers, speech=ASKS_AGAIN, hang_up_ms=12_000)

    assert outcome.said("agent") == [GREETING, "जी।", "ठीक है।"]
    assert [message.text for message in providers.llm.asked[1] if message.role == "assistant"][-1] == "जी।"
