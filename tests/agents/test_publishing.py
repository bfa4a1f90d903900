"""The laws of publishing, in Python and in the database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections, transaction

from agents import publishing
from agents.config import AgentConfig, ConfigError, as_json, read
from agents.models import Agent, AgentVersion
from agents.publishing import DraftMovedError, NothingToPublishError, NotReadyError
from agents.seeding import seed_agents
from agents.starting_points import starting_point
from agents.voice.blueprint import Limits, TransferTarget
from tenants.models import AuditEntry, Tenant, User
from tenants.scope import tenant_scope

CLINIC = replace(
    starting_point("clinic").make("Asha", "Sanjeevani Clinic"), targets=(TransferTarget("Front desk", "+918047182211"),)
)


def said(number: int) -> AgentConfig:
    return replace(CLINIC, greeting=f"Hello {number}, this call is recorded.")


def make_tenant(slug: str = "sanjeevani") -> Tenant:
    return Tenant.objects.create(slug=slug, name="Sanjeevani Clinic")


@pytest.fixture
def tenant(db):
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        yield tenant


@pytest.fixture
def lakshmi(db):
    return User.objects.create_user("lakshmi@clinic.example", "x", name="Lakshmi")


@pytest.fixture
def agent(tenant):
    return publishing.create(CLINIC, None)


# Numbers and versions


def test_the_first_version_is_one_and_the_agent_answers_with_it(agent, lakshmi):
    version = publishing.publish(agent, lakshmi, note="At last")

    agent.refresh_from_db()
    assert (version.number, version.note, version.published_by) == (1, "At last", lakshmi)
    assert agent.published == version
    assert read(version.config) == CLINIC


def test_numbers_have_no_gap_after_a_refused_publishing(agent):
    publishing.publish(agent, None)
    publishing.save_draft(agent, replace(CLINIC, greeting=""))
    with pytest.raises(NotReadyError):
        publishing.publish(agent, None)
    publishing.save_draft(agent, said(2))

    assert publishing.publish(agent, None).number == 2


def test_publishing_twice_makes_one_version(agent):
    first = publishing.publish(agent, None)

    with pytest.raises(NothingToPublishError) as refusal:
        publishing.publish(agent, None)

    assert refusal.value.version == first
    assert AgentVersion.objects.count() == 1


def test_a_draft_with_errors_is_not_published(agent):
    publishing.save_draft(agent, replace(CLINIC, limits=Limits(idle_ms=1)))

    with pytest.raises(NotReadyError) as refusal:
        publishing.publish(agent, None)

    assert [problem.field for problem in refusal.value.problems] == ["limits.idle_ms"]
    assert AgentVersion.objects.count() == 0


def test_a_draft_that_changed_after_the_review_is_not_published(agent):
    reviewed = publishing.fingerprint(agent.draft)
    publishing.save_draft(agent, said(2))

    with pytest.raises(DraftMovedError):
        publishing.publish(agent, None, reviewed=reviewed)


def test_publishing_leaves_an_entry_in_the_audit_trail(agent, lakshmi):
    publishing.publish(agent, lakshmi)

    entry = AuditEntry.objects.get(verb="published agent")
    assert (entry.actor, entry.object_id, entry.detail["version"]) == (lakshmi, str(agent.id), 1)


def test_a_version_that_a_call_holds_stays_as_it_was(agent):
    held = publishing.publish(agent, None)
    publishing.save_draft(agent, said(2))
    publishing.publish(agent, None)

    held.refresh_from_db()

    assert publishing.blueprint(held).greeting == CLINIC.greeting


# Restoring


def test_restoring_publishes_the_old_words_as_a_new_version(agent):
    first = publishing.publish(agent, None)
    publishing.save_draft(agent, said(2))
    publishing.publish(agent, None)

    restored = publishing.restore(first, None)

    agent.refresh_from_db()
    assert (restored.number, restored.config, agent.published) == (3, first.config, restored)
    assert read(agent.draft) == CLINIC


def test_restoring_leaves_an_unpublished_draft_alone(agent):
    first = publishing.publish(agent, None)
    publishing.save_draft(agent, said(2))
    publishing.publish(agent, None)
    publishing.save_draft(agent, said(3))

    publishing.restore(first, None)

    agent.refresh_from_db()
    assert read(agent.draft) == said(3)


def test_restoring_what_is_published_changes_nothing(agent):
    version = publishing.publish(agent, None)

    with pytest.raises(NothingToPublishError):
        publishing.restore(version, None)


# Drafts


def test_an_edit_keeps_what_somebody_else_saved_meanwhile(agent):
    mine, theirs = Agent.objects.get(id=agent.id), Agent.objects.get(id=agent.id)

    publishing.edit_draft(theirs, greeting="Namaste, this call is recorded.")
    publishing.edit_draft(mine, limits=Limits(idle_ms=5_000))

    draft = read(Agent.objects.get(id=agent.id).draft)
    assert (draft.greeting, draft.limits.idle_ms) == ("Namaste, this call is recorded.", 5_000)


def test_a_draft_may_be_incomplete_but_not_of_another_shape(agent):
    publishing.save_draft(agent, replace(CLINIC, greeting="", answers=()))
    with pytest.raises(ConfigError):
        publishing.save_draft(agent, {"greeting": ["Hello"]})

    assert read(Agent.objects.get(id=agent.id).draft) == replace(CLINIC, greeting="", answers=())


def test_discarding_goes_back_to_what_callers_hear(agent):
    publishing.publish(agent, None)
    publishing.save_draft(agent, said(2))

    agent = publishing.discard_draft(agent)

    assert publishing.changes(agent) == ()


def test_a_draft_without_a_version_is_not_discarded(agent):
    assert read(publishing.discard_draft(agent).draft) == CLINIC


# Blueprints


def test_a_blueprint_holds_every_setting_of_its_version(agent):
    blueprint = publishing.blueprint(publishing.publish(agent, None))

    described = asdict(blueprint)
    assert (described.pop("agent"), described.pop("version")) == ("Asha", 1)
    of_its_calls = ("outbound", "call_id", "begins_in", "personal", "closed", "offers", "given")
    for of_a_call in (*of_its_calls, "access", "hidden", "reachable"):
        described.pop(of_a_call)
    ours = {"name", "recorder", "keep_days"}
    assert described == {key: value for key, value in asdict(CLINIC).items() if key not in ours}


def test_a_version_of_an_older_shape_still_makes_a_blueprint(agent):
    old = AgentVersion.objects.create(agent=agent, number=1, config={"greeting": "Hello"})

    blueprint = publishing.blueprint(old)

    assert (blueprint.agent, blueprint.greeting, blueprint.limits) == ("Asha", "Hello", Limits())


# The database itself


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE agents_agentversion SET config = '{}'",
        "UPDATE agents_agentversion SET number = 7",
        "UPDATE agents_agentversion SET published_by_id = NULL, note = 'x'",
        "DELETE FROM agents_agentversion",
    ],
)
def test_sql_cannot_change_or_delete_a_version(agent, lakshmi, sql):
    publishing.publish(agent, lakshmi)

    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_only_the_link_to_a_person_may_go(agent, lakshmi):
    version = publishing.publish(agent, lakshmi)

    AgentVersion.objects.filter(id=version.id).update(published_by=None)

    version.refresh_from_db()
    assert version.published_by is None


def test_a_version_of_another_agent_cannot_be_what_an_agent_answers_with(agent):
    other = publishing.create(said(9), None)
    version = publishing.publish(other, None)

    with pytest.raises(DatabaseError), transaction.atomic():
        Agent.objects.filter(id=agent.id).update(published=version)


def test_an_agent_of_another_tenant_cannot_have_a_version_here(db):
    ours, theirs = make_tenant(), make_tenant("udupi")
    with tenant_scope(theirs.id):
        agent = publishing.create(CLINIC, None)

    with pytest.raises(DatabaseError), tenant_scope(ours.id):
        AgentVersion.objects.create(agent_id=agent.id, number=1, config=as_json(CLINIC))


@pytest.mark.parametrize("table", ["agents_agent", "agents_agentversion"])
def test_rows_are_seen_in_their_own_tenants_scope_only(db, table):
    ours, theirs = make_tenant(), make_tenant("udupi")
    with tenant_scope(ours.id):
        publishing.publish(publishing.create(CLINIC, None), None)

    assert (count(table), count(table, ours), count(table, theirs)) == (0, 1, 0)


def count(table: str, tenant: Tenant | None = None) -> int:
    if tenant is not None:
        with tenant_scope(tenant.id):
            return count(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


# Two at once


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_the_same_draft_at_once_make_one_version():
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        agent = publishing.create(CLINIC, None)
    barrier = Barrier(2)

    def publish() -> str:
        try:
            with tenant_scope(tenant.id):
                barrier.wait(10)
                return f"version {publishing.publish(agent, None).number}"
        except NothingToPublishError:
            return "nothing"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        outcomes = [work.result() for work in [pool.submit(publish) for _ in range(2)]]

    assert sorted(outcomes) == ["nothing", "version 1"]


@pytest.mark.django_db(transaction=True)
def test_different_drafts_published_at_once_get_consecutive_numbers():
    tenant = make_tenant()
    with tenant_scope(tenant.id):
        agent = publishing.create(CLINIC, None)
    barrier = Barrier(4)

    def publish(words: int) -> int:
        try:
            with tenant_scope(tenant.id):
                barrier.wait(10)
                publishing.edit_draft(agent, greeting=said(words).greeting)
                return publishing.publish(agent, None).number
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        numbers = [work.result() for work in [pool.submit(publish, words) for words in range(4)]]

    assert sorted(numbers) == [1, 2, 3, 4]


# The seed


@pytest.mark.parametrize(("slug", "name"), [("sanjeevani-clinic", "Asha"), ("udupi-garden", "Ravi")])
def test_the_seed_makes_one_published_agent_and_can_run_again(db, slug, name):
    tenant = Tenant.objects.create(slug=slug, name=slug)

    first, again = seed_agents(tenant, None), seed_agents(tenant, None)

    assert [agent.name for agent in first] == [name]
    assert [agent.id for agent in again] == [agent.id for agent in first]
    with tenant_scope(tenant.id):
        assert publishing.blueprint(first[0].published).targets
        assert AgentVersion.objects.count() == 1
