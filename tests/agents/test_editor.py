"""The pages about agents, through the browser's eyes: who may do what, and what comes back."""

from dataclasses import replace
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from agents import publishing
from agents.config import read
from agents.models import Agent, AgentVersion, ProviderKey
from agents.sections import TITLES
from agents.seeding import seed_agents
from agents.voice import tongues
from agents.voice.blueprint import Phrases, Second, Slot, Stage, Tongue
from tenants.models import Tenant
from tenants.scope import tenant_scope

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def clinic(cast):
    return cast.tenant


@pytest.fixture
def asha(clinic):
    return seed_agents(clinic, None)[0]


@pytest.fixture
def enter(cast):
    """Sign somebody of the cast in."""

    def signed_in(who: str) -> Client:
        client = Client()
        client.force_login(getattr(cast, who))
        return client

    return signed_in


def address(name: str, tenant: Tenant, *args) -> str:
    return reverse(f"agents:{name}", args=[tenant.slug, *args])


def draft(agent: Agent):
    with tenant_scope(agent.tenant_id):
        return read(Agent.objects.get(id=agent.id).draft)


def numbers(agent: Agent) -> list[int]:
    with tenant_scope(agent.tenant_id):
        return list(AgentVersion.objects.filter(agent=agent).values_list("number", flat=True))


def change(agent: Agent, **parts) -> None:
    with tenant_scope(agent.tenant_id):
        publishing.edit_draft(agent, **parts)


def limits(**typed) -> dict[str, str]:
    return {
        "idle_s": "8",
        "idle_prompts": "2",
        "max_call_min": "30",
        "warn_before_s": "60",
        "idle": "Hello?",
        "unheard": "I cannot hear you.",
        "goodbye": "Goodbye.",
        "closing": "One minute left.",
        "trouble": "Please hold on.",
        "wait": "One moment.",
        "failed": "Please call again later.",
        "resumed": "We were cut off.",
        "again": "Once more, please?",
        **typed,
    }


def answer_rows(*rows: tuple[str, str, str]) -> dict[str, str]:
    data = {"answers-TOTAL_FORMS": str(len(rows)), "answers-INITIAL_FORMS": "0"}
    for index, row in enumerate(rows):
        data |= {
            f"answers-{index}-{name}": text for name, text in zip(("question", "phrasings", "answer"), row, strict=True)
        }
    return data


# Who may come in


PAGES = ["list", "new", "edit", "section", "publish", "discard", "versions", "restore"]


def page(name: str, agent: Agent) -> str:
    more = {"list": [], "new": [], "section": [agent.id, "opening"], "restore": [agent.id, 1]}
    return address(name, agent.tenant, *more.get(name, [agent.id]))


def section_of(agent: Agent, name: str) -> str:
    return address("section", agent.tenant, agent.id, name)


WHO = {
    #            list new  edit section publish discard versions restore
    "owner":    [200, 200, 200, 302, 302, 302, 200, 302],
    "admin":    [200, 200, 200, 302, 302, 302, 200, 302],
    "builder":  [200, 200, 200, 302, 302, 302, 200, 302],
    "analyst":  [200, 403, 200, 403, 403, 403, 200, 403],
    "billing":  [403, 403, 403, 403, 403, 403, 403, 403],
    "operator": [200, 403, 200, 403, 403, 403, 200, 403],
    "outsider": [404, 404, 404, 404, 404, 404, 404, 404],
    "stranger": [404, 404, 404, 404, 404, 404, 404, 404],
}  # fmt: skip


@pytest.mark.parametrize("who", WHO)
def test_each_page_opens_for_those_whose_role_allows_it(enter, asha, who):
    client = enter(who)

    statuses = [client.get(page(name, asha)).status_code for name in PAGES]

    assert statuses == WHO[who]


@pytest.mark.parametrize("who", ["operator", "analyst", "billing"])
def test_nobody_publishes_without_the_right(enter, asha, who):
    change(asha, greeting="Namaste, this call is recorded.")

    assert enter(who).post(page("publish", asha)).status_code == 403
    assert numbers(asha) == [1]


def test_an_agent_of_another_tenant_is_not_here(enter, cast):
    other = seed_agents(cast.other, None)[0]

    assert enter("owner").get(address("edit", cast.tenant, other.id)).status_code == 404


def test_an_analyst_sees_the_agent_without_a_way_to_change_it(enter, asha):
    change(asha, greeting="Another.")
    text = enter("analyst").get(page("edit", asha)).content.decode()

    assert "Another." in text
    assert "Save opening" not in text
    assert 'name="row-add"' not in text
    assert "Publish version" not in text


# List and new


def test_an_empty_list_gives_the_next_step(enter, clinic):
    text = enter("owner").get(address("list", clinic)).content.decode()

    assert "No agents yet" in text
    assert address("new", clinic) in text


def test_the_list_says_what_is_published_and_what_is_not(enter, asha):
    change(asha, greeting="Another.")

    text = enter("owner").get(page("list", asha)).content.decode()

    assert "Version 1" in text
    assert "draft with 1 change" in text


@pytest.mark.parametrize(("start", "answers"), [("clinic", 12), ("restaurant", 11), ("blank", 0)])
def test_a_new_agent_begins_with_its_starting_point(enter, clinic, start, answers):
    response = enter("builder").post(address("new", clinic), {"name": "Meera", "language": "en", "start": start})

    with tenant_scope(clinic.id):
        agent = Agent.objects.get()
    assert (response.status_code, response["Location"]) == (302, address("edit", clinic, agent.id))
    assert agent.published is None
    assert len(draft(agent).answers) == answers
    assert "Meera, the automated assistant of Sanjeevani Clinic" in draft(agent).greeting


def test_a_new_agent_without_a_name_is_not_made_and_the_choice_is_kept(enter, clinic):
    response = enter("owner").post(address("new", clinic), {"name": "", "language": "en", "start": "restaurant"})

    text = response.content.decode()
    assert response.status_code == 422
    assert 'value="restaurant" id="start_1" checked' in text or 'value="restaurant" checked' in text
    assert 'href="#name"' in text


# Sections


def test_a_section_saves_itself_and_touches_nothing_else(enter, asha):
    before = draft(asha)
    data = {"greeting": "Namaste. This call is recorded.", "instructions": "Be kind.\r\nBe short."}
    data["greeting_interruptible"] = "on"

    response = enter("builder").post(section_of(asha, "opening"), data, headers=HTMX)

    assert response.status_code == 200
    assert "Draft saved" in response.content.decode()
    assert "draft-saved" in response["HX-Trigger-After-Settle"]
    assert draft(asha) == replace(before, greeting=data["greeting"], instructions="Be kind.\nBe short.")
    assert numbers(asha) == [1]


def test_every_section_posted_as_it_was_shown_changes_nothing(enter, asha):
    client, before = enter("owner"), draft(asha)

    for name in TITLES:
        shown = client.get(page("edit", asha)).context["sections"]
        form = next(section for section in shown if section.id == name)
        response = client.post(section_of(asha, name), values_of(form), headers=HTMX)
        assert response.status_code == 200, name

    assert draft(asha) == before


def values_of(form) -> dict[str, str]:
    if hasattr(form, "management_form"):
        values = {f"{form.prefix}-TOTAL_FORMS": str(len(form.forms)), f"{form.prefix}-INITIAL_FORMS": "0"}
        for row in form.forms:
            values |= values_of(row)
            if hasattr(row, "slots"):
                values |= values_of(row.slots)
        return values
    return {
        field.html_name: "on" if field.value() is True else field.value()
        for field in form
        if field.value() is not False
    }


def test_without_scripts_a_section_is_saved_by_a_plain_post(enter, asha):
    response = enter("owner").post(section_of(asha, "limits"), limits(idle_s="5.5"))

    assert (response.status_code, response["Location"]) == (302, f"{address('edit', asha.tenant, asha.id)}#limits")
    assert draft(asha).limits.idle_ms == 5_500


BAD_IDENTITY = {"name": "", "language": "en", "voice": "local/espeak-ng/en-us"}
BAD_ANSWER = answer_rows(("Open?", "is it open", "Yes."), ("", "where are you", "Here."))
BAD_TARGET = {
    "targets-TOTAL_FORMS": "1",
    "targets-INITIAL_FORMS": "0",
    "targets-0-name": "Desk",
    "targets-0-e164": "12",
}
BAD_FORM = {
    "forms-TOTAL_FORMS": "1",
    "forms-INITIAL_FORMS": "0",
    "forms-0-name": "Table",
    "forms-0-slots-TOTAL_FORMS": "1",
    "forms-0-slots-INITIAL_FORMS": "0",
    "forms-0-slots-0-kind": "mood",
    "forms-0-slots-0-name": "day",
}


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("section", "data", "typed", "control"),
    [
        ("identity", BAD_IDENTITY, 'value="local/espeak-ng/en-us" selected', "name"),
        ("limits", limits(idle_s="soon", goodbye="Tata."), "soon", "idle_s"),
        ("limits", limits(idle_prompts="9"), 'value="9"', "idle_prompts"),
        ("limits", limits(max_call_min="1", warn_before_s="90"), 'value="90"', "warn_before_s"),
        ("limits", limits(idle_s="nan"), "nan", "idle_s"),
        ("answers", BAD_ANSWER, "where are you", "answers-1-question"),
        ("targets", BAD_TARGET, ">\n12</textarea>", "targets-0-e164"),
        ("forms", BAD_FORM, 'value="Table"', "forms-0-slots-0-kind"),
    ],
)
def test_a_section_with_an_error_comes_back_as_it_was_typed(enter, asha, section, data, typed, control, headers):
    before = draft(asha)

    response = enter("owner").post(section_of(asha, section), data, headers=headers)

    text = response.content.decode()
    assert response.status_code == 422
    assert typed in text
    assert f'href="#{control}"' in text
    assert 'aria-invalid="true"' in text
    assert ("<html" in text) is (headers == {})
    assert draft(asha) == before


def test_a_phone_number_is_kept_in_international_form(enter, asha):
    data = {
        "targets-TOTAL_FORMS": "2",
        "targets-INITIAL_FORMS": "0",
        "targets-0-name": "Desk",
        "targets-0-e164": "080 4718 2299",
        "targets-1-name": "",
        "targets-1-e164": "",
    }

    enter("owner").post(section_of(asha, "targets"), data, headers=HTMX)

    assert [(target.name, target.e164) for target in draft(asha).targets] == [("Desk", "+918047182299")]


def test_a_target_may_be_several_with_hours_of_their_own_and_a_word_before(enter, asha):
    data = {
        "targets-TOTAL_FORMS": "1",
        "targets-INITIAL_FORMS": "0",
        "targets-0-name": "Desk",
        "targets-0-e164": "080 4718 2299\r\nsip:asha@desk.example.com",
        "targets-0-how": "warm",
        "targets-0-order": "at_once",
        "targets-0-ring_s": "40",
        "targets-0-waiting": "Please hold.",
        "targets-0-hours": "Mon-Fri 9-13, 14-18",
    }

    enter("owner").post(section_of(asha, "targets"), data, headers=HTMX)

    [target] = draft(asha).targets
    assert target.destinations == ("+918047182299", "sip:asha@desk.example.com")
    assert (target.warm, target.at_once, target.ring_s, target.waiting) == (True, True, 40, "Please hold.")
    assert target.weekly[:2] == ((0, 540, 780), (0, 840, 1080))
    page = enter("owner").get(reverse("agents:edit", args=[asha.tenant.slug, asha.id])).content.decode()
    assert "Mon–Fri 09:00–13:00, 14:00–18:00" in page


@pytest.mark.parametrize(
    ("field", "typed"), [("e164", "sip:asha@10.0.0.1"), ("e164", "nobody"), ("hours", "9-18"), ("ring_s", "4")]
)
def test_a_target_that_cannot_work_is_not_kept(enter, asha, field, typed):
    before = draft(asha)
    data = {"name": "Desk", "e164": "080 4718 2299", "ring_s": "25", "hours": "", field: typed}
    posted = {f"targets-0-{name}": value for name, value in data.items()}

    response = enter("owner").post(
        section_of(asha, "targets"), {"targets-TOTAL_FORMS": "1", "targets-INITIAL_FORMS": "0", **posted}, headers=HTMX
    )

    assert response.status_code == 422
    assert f'href="#targets-0-{field}"' in response.content.decode()
    assert draft(asha) == before


def test_a_form_with_its_questions_is_saved(enter, asha):
    data = {
        "forms-TOTAL_FORMS": "1",
        "forms-INITIAL_FORMS": "0",
        "forms-0-name": "Visit",
        "forms-0-phrases": "I want to visit\r\n\r\n can I visit ",
        "forms-0-done": "See you in the {room}.",
        "forms-0-slots-TOTAL_FORMS": "2",
        "forms-0-slots-INITIAL_FORMS": "0",
        "forms-0-slots-0-name": "room",
        "forms-0-slots-0-prompt": "Which room?",
        "forms-0-slots-0-kind": "choice",
        "forms-0-slots-0-options": "kitchen, hall,",
        "forms-0-slots-1-kind": "choice",
    }

    enter("owner").post(section_of(asha, "forms"), data, headers=HTMX)

    (form,) = draft(asha).forms
    assert form.phrases == ("I want to visit", "can I visit")
    assert form.slots == (Slot("room", "Which room?", "choice", ("kitchen", "hall")),)


def test_a_voice_that_is_no_longer_offered_survives_a_save_of_the_name(enter, asha):
    change(asha, tts=replace(draft(asha).tts, voice="gone"))
    data = {"name": "Usha", "language": "en", "voice": "local/espeak-ng/gone"}

    response = enter("owner").post(section_of(asha, "identity"), data, headers=HTMX)

    assert response.status_code == 200
    assert (draft(asha).name, draft(asha).tts.voice) == ("Usha", "gone")


# Rows


def test_a_row_is_added_with_what_was_typed_and_nothing_is_saved(enter, asha):
    before = draft(asha)
    data = answer_rows(("Open?", "", "Yes.")) | {"row-add": "answers"}

    response = enter("owner").post(section_of(asha, "answers"), data, headers=HTMX)

    text = response.content.decode()
    assert response.status_code == 200
    assert 'name="answers-TOTAL_FORMS" value="2"' in text
    assert 'value="Open?"' in text
    assert "New question" in text
    assert draft(asha) == before


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_a_row_is_removed_and_those_below_move_up(enter, asha, headers):
    data = answer_rows(("One?", "", "1"), ("Two?", "", "2"), ("Three?", "", "3")) | {"row-remove": "answers-1"}

    response = enter("owner").post(section_of(asha, "answers"), data, headers=headers)

    (section,) = [response.context["section"]] if headers else [
        section for section in response.context["sections"] if section.id == "answers"
    ]  # fmt: skip
    assert [row["question"].value() for row in section] == ["One?", "Three?"]


def test_a_question_of_a_form_moves_up(enter, asha):
    client = enter("owner")
    sections = {section.id: section for section in client.get(page("edit", asha)).context["sections"]}
    data = values_of(sections["forms"]) | {"row-up": "forms-0-slots-1"}

    response = client.post(section_of(asha, "forms"), data, headers=HTMX)

    first_form = response.context["section"].forms[0]
    assert [row["name"].value() for row in first_form.slots] == ["day", "doctor", "time", "confirmation"]


@pytest.mark.parametrize("row", ["answers-7", "answers-x", "targets-0", "", "answers-\N{SUPERSCRIPT TWO}"])
def test_a_row_that_was_not_posted_is_a_bad_request(enter, asha, row):
    data = answer_rows(("One?", "", "1")) | {"row-remove": row}

    assert enter("owner").post(section_of(asha, "answers"), data, headers=HTMX).status_code == 400


def test_a_count_of_rows_out_of_all_measure_is_bounded(enter, asha):
    data = {"answers-TOTAL_FORMS": "99999999999", "answers-INITIAL_FORMS": "0"}

    response = enter("owner").post(section_of(asha, "answers"), data, headers=HTMX)

    assert response.status_code == 422
    assert "at most 200 rows" in response.content.decode()


def test_a_section_of_no_such_name_is_not_here(enter, asha):
    assert enter("owner").post(section_of(asha, "no-such")).status_code == 404


# Problems, publishing, restoring


def test_problems_link_to_their_fields(enter, asha):
    change(asha, greeting="", targets=(replace(draft(asha).targets[0], e164="12"),))

    text = enter("owner").get(page("edit", asha)).content.decode()

    assert 'href="#greeting"' in text
    assert 'href="#targets-0-e164"' in text
    assert 'id="greeting"' in text
    assert 'id="targets-0-e164"' in text


@pytest.mark.parametrize("part", ["contents", "problems", "publish"])
def test_a_part_of_the_page_refreshes_itself(enter, asha, part):
    change(asha, greeting="")

    text = enter("owner").get(page("edit", asha), {"part": part}, headers=HTMX).content.decode()

    assert f'id="{part}"' in text
    assert "<html" not in text


def test_the_review_shows_the_words_that_change(enter, asha):
    change(asha, greeting=draft(asha).greeting.replace("Hello", "Namaste"))

    text = unescape(enter("owner").get(page("edit", asha)).content.decode())

    assert "<del>Hello, </del>" in text
    assert "<ins>Namaste, </ins>" in text
    assert "Publish version 2" in text


def test_publishing_makes_the_draft_answer(enter, asha):
    change(asha, greeting="Namaste, this call is recorded.")
    client = enter("owner")
    reviewed = client.get(page("edit", asha)).context["standing"].reviewed

    response = client.post(page("publish", asha), {"reviewed": reviewed, "note": "Diwali"}, follow=True)

    assert "Version 2 answers from the next call." in response.content.decode()
    assert numbers(asha) == [2, 1]


def test_publishing_again_says_that_there_is_nothing_to_publish(enter, asha):
    response = enter("owner").post(page("publish", asha), follow=True)

    assert "Nothing to publish" in response.content.decode()
    assert numbers(asha) == [1]


def test_a_draft_with_errors_is_refused_with_the_reason(enter, asha):
    change(asha, greeting="")

    response = enter("owner").post(page("publish", asha))

    assert response.status_code == 422
    assert "Not published: Write the first words" in response.content.decode()
    assert numbers(asha) == [1]


def test_what_was_not_reviewed_is_not_published(enter, asha):
    change(asha, greeting="Namaste, this call is recorded.")

    response = enter("owner").post(page("publish", asha), {"reviewed": "0123456789abcdef"})

    assert response.status_code == 422
    assert "Review it again" in response.content.decode()


def test_an_old_version_is_compared_and_published_anew(enter, asha):
    change(asha, greeting="Namaste, this call is recorded.")
    client = enter("owner")
    client.post(page("publish", asha))

    compared = unescape(client.get(page("versions", asha), {"show": "1"}).content.decode())
    client.post(address("restore", asha.tenant, asha.id, 1))

    assert "<ins>Hello, I am Asha" in compared
    assert numbers(asha) == [3, 2, 1]
    assert draft(asha).greeting.startswith("Hello, I am Asha")


def test_discarding_a_draft_brings_back_what_callers_hear(enter, asha):
    before = draft(asha)
    change(asha, greeting="Another.")

    enter("builder").post(page("discard", asha))

    assert draft(asha) == before


@pytest.mark.parametrize("query", ["show=99", "show=x", "before=1", "before=-1", "before=\N{SUPERSCRIPT TWO}"])
def test_odd_queries_of_the_versions_are_harmless(enter, asha, query):
    assert enter("owner").get(f"{page('versions', asha)}?{query}").status_code in (200, 404)


def test_a_draft_of_a_shape_that_cannot_be_read_still_opens(enter, asha):
    with tenant_scope(asha.tenant_id):
        Agent.objects.filter(id=asha.id).update(draft={"greeting": 7})

    text = enter("owner").get(page("edit", asha)).content.decode()

    assert "The draft cannot be read" in text


# Models, voices and languages


def model(**typed) -> dict[str, str]:
    return {
        "how": "stages",
        "llm": "openai/gpt-5.4-mini",
        "stt": "deepgram/flux-general-multi",
        "realtime": "openai/gpt-realtime-2.1",
        "realtime_voice": "marin",
        **typed,
    }


def test_models_are_chosen_with_the_words_to_expect(enter, asha):
    data = model(key_terms="Doctor Rao\r\n\r\n Jayanagar ")

    response = enter("builder").post(section_of(asha, "model"), data, headers=HTMX)

    assert response.status_code == 200
    saved = draft(asha)
    assert saved.llm == Stage("openai", "gpt-5.4-mini")
    assert saved.stt == Stage("deepgram", "flux-general-multi")
    assert saved.realtime is None
    assert saved.key_terms == ("Doctor Rao", "Jayanagar")


def test_speech_to_speech_keeps_the_other_way_for_later(enter, asha):
    client = enter("builder")
    client.post(section_of(asha, "model"), model(), headers=HTMX)

    client.post(section_of(asha, "model"), model(how="realtime", realtime_voice="cedar"), headers=HTMX)

    saved = draft(asha)
    assert saved.realtime == Stage("openai", "gpt-realtime-2.1", "cedar")
    assert saved.llm == Stage("openai", "gpt-5.4-mini")


def test_a_server_of_ones_own_needs_the_models_name(enter, asha):
    client, before = enter("builder"), draft(asha)

    refused = client.post(section_of(asha, "model"), model(llm="openai_compatible/"), headers=HTMX)
    kept = draft(asha)
    taken = client.post(
        section_of(asha, "model"), model(llm="openai_compatible/", llm_name=" llama-4-70b "), headers=HTMX
    )

    assert (refused.status_code, kept) == (422, before)
    assert 'href="#llm_name"' in refused.content.decode()
    assert taken.status_code == 200
    assert draft(asha).llm == Stage("openai_compatible", "llama-4-70b")
    assert 'value="llama-4-70b"' in taken.content.decode()


@pytest.mark.parametrize(
    ("typed", "control"),
    [
        ({"llm": "openai/gone"}, "llm"),
        ({"stt": ""}, "stt"),
        ({"how": "both"}, "how"),
        ({"key_terms": "x" * 101}, "key_terms"),
        ({"key_terms": "\n".join(f"word{number}" for number in range(101))}, "key_terms"),
    ],
)
def test_a_wrong_choice_is_named_and_nothing_typed_is_lost(enter, asha, typed, control):
    response = enter("builder").post(section_of(asha, "model"), {**model(key_terms="Jayanagar"), **typed}, headers=HTMX)

    text = response.content.decode()
    assert response.status_code == 422
    assert f'href="#{control}' in text
    assert "Jayanagar" in text or "key_terms" in typed
    assert 'value="deepgram/flux-general-multi" checked' in text or "stt" in typed


def test_each_model_says_what_it_costs_and_whose_account_pays(enter, asha, settings):
    settings.VENDORS = {"openai": ("https://openai.example", "sk-platform")}
    with tenant_scope(asha.tenant_id):
        ProviderKey.objects.create(provider="deepgram", key="dg-0123456789ab", last_four="…89ab")

    text = " ".join(enter("builder").get(page("edit", asha)).content.decode().split())

    assert "≈ ₹0.18/min · ≈ 340 ms" in text
    assert "<b>OpenAI</b> <span>Switchboard’s account</span>" in text
    assert "<b>Deepgram</b> <span>your account</span>" in text
    assert "no key" in text
    assert '<span class="effect">free · ≈ 10 ms</span>' in text  # the voice that the draft has
    assert "add one" not in text  # a builder may not


def test_an_owner_is_led_to_the_missing_key(enter, asha, settings):
    settings.VENDORS = {}

    assert address("key", asha.tenant, "openai") in enter("owner").get(page("edit", asha)).content.decode()


def test_a_stage_without_a_key_is_saved_and_not_published(enter, asha, settings):
    settings.VENDORS = {}
    client = enter("owner")
    client.post(section_of(asha, "model"), model(), headers=HTMX)

    response = client.post(page("publish", asha))

    assert response.status_code == 422
    assert "There is no key for OpenAI" in response.content.decode()
    assert numbers(asha) == [1]


def test_a_model_that_is_not_on_offer_any_more_stays_until_another_is_chosen(enter, asha):
    change(asha, llm=Stage("openai", "gpt-3"))
    client = enter("owner")
    shown = client.get(page("edit", asha))
    form = next(section for section in shown.context["sections"] if section.id == "model")

    response = client.post(section_of(asha, "model"), values_of(form), headers=HTMX)

    assert "not on offer any more" in shown.content.decode()
    assert response.status_code == 200
    assert draft(asha).llm == Stage("openai", "gpt-3")


KATIE = "cartesia/sonic-3.6/f786b574-daa5-4673-aa0c-cbe3e8534c02"
SONIC = "cartesia/sonic-3.6/c1abd502-9231-4558-a054-10ac950c356d"


def tongue_rows(*rows: tuple[str, str, str]) -> dict[str, str]:
    data = {"languages-TOTAL_FORMS": str(len(rows)), "languages-INITIAL_FORMS": "0"}
    for index, row in enumerate(rows):
        names = ("language", "voice", "greeting")
        data |= {f"languages-{index}-{name}": text for name, text in zip(names, row, strict=True)}
    return data


def test_a_further_language_has_a_voice_and_first_words(enter, asha):
    data = tongue_rows(("hi", SONIC, "नमस्ते।"), ("", "", ""))

    response = enter("builder").post(section_of(asha, "languages"), data, headers=HTMX)

    assert response.status_code == 200
    assert draft(asha).tongues == (Tongue("hi", Stage(*SONIC.split("/")), "नमस्ते।"),)


def test_a_further_language_has_a_prompt_and_sentences_of_its_own(enter, asha):
    shipped = tongues.shipped("hi")
    data = tongue_rows(("hi", SONIC, "नमस्ते।")) | {
        "languages-0-instructions": "Say ji.\r\nAlways.",
        "languages-0-consent": "यह कॉल रिकॉर्ड\r\nकी जा रही है।",
        "languages-0-idle": "हैलो जी?",
        "languages-0-goodbye": shipped.goodbye,
    }
    client = enter("builder")

    client.post(section_of(asha, "languages"), data, headers=HTMX)

    (tongue,) = draft(asha).tongues
    assert tongue.instructions == "Say ji.\nAlways."
    assert tongue.consent == "यह कॉल रिकॉर्ड की जा रही है।"
    assert tongue.phrases == (("idle", "हैलो जी?"),), "what is shipped is not kept"
    text = unescape(client.get(page("edit", asha)).content.decode())
    assert f'placeholder="{shipped.wait}"' in text
    assert 'value="हैलो जी?"' in text
    assert "Say ji." in unescape(client.get(page("edit", asha)).content.decode())


def test_what_a_languages_voice_costs_and_how_quick_it_is_stands_beside_it(enter, asha):
    change(asha, tongues=(Tongue("hi", Stage(*SONIC.split("/"))),), second=Second(tts=Stage(*KATIE.split("/"))))

    text = enter("builder").get(page("edit", asha)).content.decode()

    languages = text[text.index('id="languages"') : text.index('id="answers"')]
    second = text[text.index('id="second"') : text.index('id="limits"')]
    assert "≈ ₹1.83/min · ≈ 90 ms" in languages.split("</label>", 2)[1]
    assert "≈ ₹1.83/min · ≈ 90 ms" in second.split('for="second_tts"')[1].split("</label>")[0]


def test_another_first_language_brings_its_sentences_but_for_those_that_were_written(enter, asha):
    before = draft(asha)
    change(asha, phrases=replace(before.phrases, idle="Anybody?"))
    data = {"name": before.name, "language": "hi", "voice": "local/espeak-ng/en-us+f3"}

    enter("builder").post(section_of(asha, "identity"), data, headers=HTMX)

    assert draft(asha).phrases == replace(tongues.shipped("hi"), idle="Anybody?")


def test_the_editor_says_who_answers_a_chat_for_a_model_that_hears_and_speaks(enter, asha):
    change(asha, realtime=Stage("openai", "gpt-realtime-2.1", "marin"))

    text = unescape(enter("builder").get(page("edit", asha)).content.decode())

    assert "In a chat GPT-5.4 mini answers instead." in text
    assert "When this model fails, “PocketSphinx” and “Built in, no AI model” step in." in text
    assert "PocketSphinx, from before" in text
    assert 'data-prefix="openai/gpt-realtime-2.1/"' in text
    assert "Listen to the second voice" in text


def test_a_language_without_a_voice_is_refused_at_its_row(enter, asha):
    response = enter("builder").post(section_of(asha, "languages"), tongue_rows(("hi", "", "नमस्ते।")), headers=HTMX)

    text = response.content.decode()
    assert response.status_code == 422
    assert 'href="#languages-0-voice"' in text
    assert "नमस्ते।" in text


def test_a_problem_of_a_language_leads_to_its_row(enter, asha):
    change(asha, tongues=(Tongue("hi", Stage(*SONIC.split("/"))),))

    text = enter("builder").get(page("edit", asha)).content.decode()

    assert 'href="#languages-0-language"' in text  # the local model knows English only
    assert 'id="languages-0-language"' in text


def test_who_steps_in_is_chosen_and_taken_away_again(enter, asha):
    client = enter("builder")
    data = {"second_stt": "", "second_llm": "anthropic/claude-haiku-5-5", "second_llm_name": "", "second_tts": KATIE}

    client.post(section_of(asha, "second"), data, headers=HTMX)
    chosen = draft(asha).second
    client.post(section_of(asha, "second"), {}, headers=HTMX)

    assert chosen == Second(llm=Stage("anthropic", "claude-haiku-5-5"), tts=Stage(*KATIE.split("/")))
    assert draft(asha).second == Second()


def test_first_words_may_have_to_be_heard_to_the_end(enter, asha):
    data = {"greeting": "This call is recorded.", "instructions": ""}

    enter("builder").post(section_of(asha, "opening"), data, headers=HTMX)

    assert draft(asha).greeting_interruptible is False


# A new agent of vendors' models


def test_with_keys_a_new_agent_may_begin_with_ai_models_in_hindi(enter, clinic, settings):
    settings.VENDORS = {name: (f"https://{name}.example", "key") for name in ("deepgram", "openai", "cartesia")}
    client = enter("builder")
    form = client.get(address("new", clinic)).context["form"]

    client.post(address("new", clinic), {"name": "Meera", "language": "hi", "start": "clinic", "models": "ai"})

    with tenant_scope(clinic.id):
        made = Agent.objects.get()
        assert [problem.text for problem in publishing.problems(made.draft)] == []
    assert form["models"].value() == "ai"
    config = draft(made)
    assert (config.language, config.stt.provider, config.llm.provider, config.tts.provider) == (
        *("hi", "deepgram"),
        *("openai", "cartesia"),
    )
    assert "Meera" in config.greeting
    assert "रिकॉर्ड" in config.greeting
    assert config.phrases.idle != Phrases().idle
    assert [tongue.language for tongue in config.tongues] == ["en"]


def test_without_keys_the_local_models_are_proposed_and_what_is_missing_is_named(enter, clinic, settings):
    settings.VENDORS = {"openai": ("https://openai.example", "key")}

    response = enter("builder").get(address("new", clinic))

    assert response.context["form"]["models"].value() == "local"
    assert "No key yet for Deepgram and Cartesia" in response.content.decode()


def test_what_runs_here_speaks_no_hindi(enter, clinic):
    data = {"name": "Meera", "language": "hi", "start": "clinic", "models": "local"}

    response = enter("builder").post(address("new", clinic), data)

    assert response.status_code == 422
    assert "speaks English only" in response.content.decode()
