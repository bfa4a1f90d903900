"""The table of what can be wrong with an agent, and where."""

from dataclasses import replace

import pytest

from agents.config import AgentConfig
from agents.entries import Account
from agents.problems import is_e164, problems
from agents.starting_points import starting_point
from agents.voice.blueprint import Answer, Form, HttpTool, Limits, Phrases, Second, Slot, Stage, Tongue, TransferTarget

GOOD = starting_point("clinic").make("Asha", "Sanjeevani Clinic")
SLOT = Slot("day", "Which day?", "day")
FORM = Form("Booking", ("book a table",), (SLOT,), "Booked for {day}.")
DESK = TransferTarget("Front desk", "+918047182211")


def with_slot(**parts) -> AgentConfig:
    return replace(GOOD, forms=(replace(FORM, slots=(SLOT, replace(SLOT, **{"name": "time", **parts}))),))


ERRORS = [
    (replace(GOOD, name=" "), "name"),
    (replace(GOOD, language="xx"), "language"),
    (replace(GOOD, greeting=""), "greeting"),
    (replace(GOOD, tts=Stage("local", "espeak-ng", "fr")), "voice"),
    (replace(GOOD, tts=Stage("local", "gone", "en-gb")), "voice"),
    (replace(GOOD, llm=Stage("nobody", "gone")), "llm"),
    (replace(GOOD, stt=Stage("local", "gone")), "stt"),
    (replace(GOOD, answers=(), forms=(), targets=()), "answers"),
    (replace(GOOD, answers=(Answer("", "Yes."),)), "answers[0].question"),
    (replace(GOOD, answers=(Answer("Is it open?", " "),)), "answers[0].answer"),
    (replace(GOOD, forms=(replace(FORM, name=""),)), "forms[0].name"),
    (replace(GOOD, forms=(FORM, replace(FORM, phrases=("",)))), "forms[1].phrases"),
    (replace(GOOD, forms=(replace(FORM, slots=(), done="Booked."),)), "forms[0].slots"),
    (replace(GOOD, forms=(replace(FORM, done=""),)), "forms[0].done"),
    (replace(GOOD, forms=(replace(FORM, done="Booked for {dya}."),)), "forms[0].done"),
    (with_slot(name="day"), "forms[0].slots[0].name"),
    (with_slot(name=""), "forms[0].slots[1].name"),
    (with_slot(prompt=""), "forms[0].slots[1].prompt"),
    (with_slot(kind="choice"), "forms[0].slots[1].options"),
    (replace(GOOD, limits=Limits(idle_ms=500)), "limits.idle_ms"),
    (replace(GOOD, limits=Limits(idle_prompts=9)), "limits.idle_prompts"),
    (replace(GOOD, limits=Limits(max_call_s=5)), "limits.max_call_s"),
    (replace(GOOD, limits=Limits(max_call_s=60, warn_before_s=60)), "limits.warn_before_s"),
    (replace(GOOD, phrases=Phrases(trouble="")), "phrases.trouble"),
    (replace(GOOD, targets=(replace(DESK, e164="08047182211"),)), "targets[0].e164"),
    (replace(GOOD, targets=(replace(DESK, e164="+91 80 4718 2211"),)), "targets[0].e164"),
    (replace(GOOD, targets=(replace(DESK, e164="+9180"),)), "targets[0].e164"),
    (replace(GOOD, targets=(replace(DESK, name=""),)), "targets[0].name"),
    (replace(GOOD, targets=(DESK, replace(DESK, name="front desk"))), "targets[0].name"),
]


@pytest.mark.parametrize(("config", "field"), ERRORS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_error_is_found_at_its_field(config, field):
    errors = [problem.field for problem in problems(config) if problem.severity == "error"]

    assert field in errors


@pytest.mark.parametrize("point", ["clinic", "restaurant"])
def test_a_starting_point_has_no_problem(point):
    assert problems(starting_point(point).make("Asha", "Sanjeevani Clinic")) == []


def test_a_greeting_that_hides_the_recording_is_a_warning():
    config = replace(GOOD, greeting="Hello.")

    assert [(p.field, p.severity) for p in problems(config)] == [("greeting", "warning")]
    assert problems(replace(config, record=False)) == []


def test_a_switchboard_without_answers_is_a_warning():
    config = replace(GOOD, answers=(), forms=(), targets=(DESK,))

    assert [(p.field, p.severity) for p in problems(config)] == [("answers", "warning")]


def test_a_model_that_is_not_offered_can_be_checked():
    stage = Stage("scripted", "scripted")

    assert problems(replace(GOOD, stt=stage, llm=stage, tts=stage)) == []


def test_errors_come_before_warnings():
    config = replace(GOOD, greeting="Hello.", phrases=Phrases(idle=""))

    assert [problem.severity for problem in problems(config)] == ["error", "warning"]


@pytest.mark.parametrize(
    ("text", "good"),
    [("+918047182211", True), ("+14155550100", True), ("+14155552671", True), ("8047182211", False), ("", False)],
)
def test_a_phone_number_is_checked_by_its_plan(text, good):
    assert is_e164(text) is good


def test_a_word_that_the_recogniser_does_not_know_is_a_warning_at_its_field():
    pytest.importorskip("agents.voice.providers.local.grammar")
    config = replace(GOOD, answers=(*GOOD.answers, Answer("Is it open?", "Yes.", ("do you serve zzyzxquux",))))

    warnings = [problem for problem in problems(config) if problem.severity == "warning"]

    assert [problem.field for problem in warnings] == [f"answers[{len(GOOD.answers)}].phrasings"]
    assert "zzyzxquux" in warnings[0].text


# Vendors, languages, keys

FLUX = Stage("deepgram", "flux-general-multi")
GPT = Stage("openai", "gpt-5.4-mini")
KATIE = Stage("cartesia", "sonic-3.6", "f786b574-daa5-4673-aa0c-cbe3e8534c02")
NARRATOR = Stage("cartesia", "sonic-3.6", "c1abd502-9231-4558-a054-10ac950c356d")
KEYED = replace(GOOD, stt=FLUX, llm=GPT, tts=KATIE)
HINDI = Tongue("hi", NARRATOR)
SPEECH = Stage("openai", "gpt-realtime-2.1", "marin")

VENDOR_ERRORS = [
    (replace(GOOD, language="hi"), "stt"),
    (replace(GOOD, language="hi"), "llm"),
    (replace(GOOD, language="hi"), "voice"),
    (replace(KEYED, stt=Stage("deepgram", "flux-general-en"), language="hi"), "stt"),
    (replace(KEYED, tts=Stage("deepgram", "aura-2", "thalia-en"), language="hi"), "voice"),
    (replace(KEYED, tts=Stage("cartesia", "sonic-3.6", "")), "voice"),
    (replace(KEYED, tts=Stage("openai", "gpt-4o-mini-tts", "nobody")), "voice"),
    (replace(KEYED, llm=Stage("openai_compatible", " ")), "llm_name"),
    (replace(KEYED, realtime=Stage("openai", "gone", "marin")), "realtime"),
    (replace(KEYED, realtime=replace(SPEECH, voice="nobody")), "realtime_voice"),
    (replace(KEYED, tongues=(Tongue("fr", NARRATOR),)), "tongues[0].language"),
    (replace(KEYED, tongues=(Tongue("en", KATIE),)), "tongues[0].language"),
    (replace(KEYED, tongues=(HINDI, HINDI)), "tongues[1].language"),
    (replace(KEYED, tongues=(Tongue("hi", Stage("deepgram", "aura-2", "thalia-en")),)), "tongues[0].voice"),
    (replace(GOOD, tongues=(HINDI,)), "tongues[0].language"),
    (replace(KEYED, second=Second(stt=FLUX)), "second_stt"),
    (replace(KEYED, second=Second(llm=Stage("openai", "gone"))), "second_llm"),
    (replace(KEYED, second=Second(llm=Stage("openai_compatible", " "))), "second_llm_name"),
    (replace(KEYED, language="hi", second=Second(tts=Stage("local", "espeak-ng", "en-us"))), "second_tts"),
]


@pytest.mark.parametrize(("config", "field"), VENDOR_ERRORS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_error_of_models_and_languages_is_found_at_its_field(config, field):
    assert field in [problem.field for problem in problems(config) if problem.severity == "error"]


@pytest.mark.parametrize(
    "config",
    [
        KEYED,
        replace(KEYED, tts=replace(KATIE, voice="0123456789abcdef0123456789abcdef")),
        replace(KEYED, language="hi", tts=NARRATOR),
        replace(KEYED, tongues=(HINDI,)),
        replace(KEYED, llm=Stage("openai_compatible", "llama-4-70b")),
        replace(KEYED, realtime=SPEECH),
        replace(KEYED, second=Second(llm=Stage("anthropic", "claude-haiku-5-5"))),
    ],
    ids=lambda config: f"{config.llm.model} {config.tts.voice[:8]} {config.language}",
)
def test_what_vendors_can_do_is_no_problem(config):
    assert problems(config) == []


def test_a_voice_that_was_made_for_another_language_is_a_warning_where_any_voice_speaks_any():
    found = problems(replace(KEYED, language="hi"))

    assert [(problem.field, problem.severity) for problem in found] == [("voice", "warning")]


def test_a_second_of_the_same_vendor_is_a_warning():
    found = problems(replace(KEYED, second=Second(llm=Stage("openai", "gpt-6-luna"))))

    assert [(problem.field, problem.severity) for problem in found] == [("second_llm", "warning")]


def test_a_model_that_is_about_to_end_is_a_warning():
    found = problems(replace(KEYED, stt=Stage("openai", "gpt-4o-transcribe")))

    assert [(problem.field, problem.severity) for problem in found] == [("stt", "warning")]
    assert "2027-02-26" in found[0].text


def test_speech_to_speech_makes_listener_and_model_unimportant():
    gone = replace(KEYED, stt=Stage("local", "gone"), llm=Stage("local", "gone"), realtime=SPEECH)

    assert {problem.severity for problem in problems(gone)} == {"warning"}


def test_the_model_of_the_other_way_may_step_in_for_speech_to_speech():
    config = replace(KEYED, realtime=SPEECH, second=Second(stt=FLUX, llm=Stage("anthropic", "claude-haiku-5-5")))

    assert problems(replace(config, llm=Stage("anthropic", "claude-haiku-5-5"))) == []


OWN, PLATFORM, NONE = Account(own=True), Account(platform=True), Account()


def test_each_vendor_without_a_key_is_told_once():
    config = replace(KEYED, tongues=(HINDI,), second=Second(llm=Stage("anthropic", "claude-haiku-5-5")))
    accounts = {"deepgram": OWN, "openai": PLATFORM, "cartesia": NONE}

    found = [(problem.field, problem.text) for problem in problems(config, accounts)]

    assert found == [
        ("voice", "There is no key for Cartesia: add one under Keys"),
        ("second_llm", "There is no key for Anthropic: add one under Keys"),
    ]


def test_a_refused_key_forbids_publishing_and_is_named():
    accounts = {"deepgram": OWN, "openai": Account(own=True, refused=True), "cartesia": OWN}

    (problem,) = problems(KEYED, accounts)

    assert (problem.field, problem.severity) == ("llm", "error")
    assert problem.text == "OpenAI refused your key: replace it under Keys"


def test_what_runs_here_needs_no_key():
    assert problems(GOOD, {}) == []


def test_a_refused_key_of_the_platforms_is_named_and_stops_nobody():
    accounts = {"deepgram": OWN, "openai": Account(platform=True, refused=True), "cartesia": OWN}

    (problem,) = problems(KEYED, accounts)

    assert (problem.field, problem.severity) == ("llm", "warning")
    assert problem.text.startswith("OpenAI refused Switchboard’s key: add your own under Keys")


SPEAKS_HINDI = replace(KEYED, tongues=(HINDI,))
AURA = Stage("deepgram", "aura-2", "thalia-en")


@pytest.mark.parametrize(
    ("second", "field", "text"),
    [
        (Second(stt=Stage("deepgram", "flux-general-en")), "second_stt", "Flux, English does not know Hindi"),
        (Second(llm=Stage("local", "builtin")), "second_llm", "Built in, no AI model does not know Hindi"),
        (Second(tts=AURA), "second_tts", "Aura-2 does not know Hindi"),
        (Second(tts=replace(KATIE, model="sonic-3")), "second_tts", "not made for Hindi"),
    ],
)
def test_a_second_that_cannot_step_in_for_a_further_language_is_a_warning(second, field, text):
    found = problems(replace(SPEAKS_HINDI, second=second))

    assert any(problem.field == field and text in problem.text for problem in found)
    assert {problem.severity for problem in found} == {"warning"}
    assert not any(text in problem.text for problem in problems(replace(KEYED, second=second)))


def test_who_steps_in_for_a_model_that_hears_and_speaks_must_know_the_languages_too():
    local = replace(GOOD, tts=KATIE, realtime=SPEECH, tongues=(HINDI,))

    found = {(problem.field, problem.severity) for problem in problems(local)}

    assert found == {("second_stt", "warning"), ("second_llm", "warning")}
    assert problems(replace(local, second=Second(stt=FLUX, llm=Stage("anthropic", "claude-haiku-5-5")))) == []


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ({"stt": Stage("nobody", "gone")}, [("second_stt", "error")]),
        ({"llm": Stage("local", "builtin"), "answers": (), "forms": ()}, [("second_llm", "warning")]),
        ({"llm": Stage("local", "builtin")}, []),
    ],
)
def test_what_stands_behind_a_model_that_hears_and_speaks_is_checked(parts, fields):
    found = [(problem.field, problem.severity) for problem in problems(replace(KEYED, realtime=SPEECH, **parts))]

    assert found == fields


def test_a_missing_key_of_what_would_step_in_is_a_warning():
    accounts = {"openai": OWN, "cartesia": OWN}

    (problem,) = problems(replace(KEYED, realtime=SPEECH), accounts)

    assert (problem.field, problem.severity) == ("second_stt", "warning")
    assert "no key for Deepgram" in problem.text


LOOK_UP = HttpTool("lookup", "", "https://crm.example/who")


def test_a_call_that_may_begin_in_a_language_needs_its_first_words_and_its_announcement():
    may_begin = replace(SPEAKS_HINDI, lookup=LOOK_UP, consent="This call is recorded.")
    said = Tongue("hi", NARRATOR, greeting="नमस्ते।", consent="यह कॉल रिकॉर्ड की जा रही है।")

    assert [problem.field for problem in problems(may_begin)] == ["tongues[0].greeting", "tongues[0].consent"]
    assert problems(replace(may_begin, tongues=(said,))) == []
    assert problems(replace(may_begin, lookup=None)) == []


def test_first_words_in_another_language_must_tell_of_the_recording_too():
    config = replace(KEYED, tongues=(replace(HINDI, greeting="नमस्ते।"),))

    assert [(p.field, p.severity) for p in problems(config)] == [("tongues[0].greeting", "warning")]
    assert problems(replace(config, record=False)) == []
