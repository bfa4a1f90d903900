"""The usage page: filters in the address, the same numbers in chart, table and file."""

from datetime import timedelta

from billing import charging, usage
from billing.meters import Amount
from billing.money import plain
from tests.billing.conftest import minutes
from tests.billing.pages.conftest import NOW, talks


def test_nothing_used_is_said(see):
    assert "Nothing has been used yet" in see("usage").content.decode()


def test_days_without_usage_are_there(see, business):
    spent = talks(business, "call:1", began=NOW - timedelta(days=3))

    response = see("usage")

    days = dict(response.context["days"])
    assert len(days) == 20
    assert sum(days.values()) == spent == response.context["total"]


def test_by_agent_the_agents_name_stands(see, business, agent):
    mine = talks(business, "call:1", agent=str(agent.id))
    talks(business, "call:2", agent="gone")

    rows = see("usage", by="agent").context["rows"]

    assert {row["name"] for row in rows} == {agent.name, "gone"}
    assert {row["micros"] for row in rows if row["name"] == agent.name} == {mine}


def test_by_service_the_rows_add_up_to_the_days(see, business):
    talks(business, "call:1", talk=3)

    response = see("usage", by="meter")

    assert sum(row["micros"] for row in response.context["rows"]) == response.context["total"]
    assert {row["used"] for row in response.context["rows"]} == {"3 m 0 s"}


def test_filters_narrow_and_say_when_nothing_is_left(see, business, agent):
    talks(business, "call:1", agent=str(agent.id), number="+918047182210")
    talks(business, "call:2", agent="gone", number="+918047182211")

    narrow = see("usage", by="number", agent=str(agent.id))
    empty = see("usage", agent=str(agent.id), number="+918047182211")

    assert [row["phone"] for row in narrow.context["rows"]] == ["+918047182210"]
    assert "Nothing matches" in empty.content.decode()


def test_one_service_by_day(see, business):
    talks(business, "call:1", talk=2)

    response = see("usage", meter="stt.audio")

    [row] = response.context["rows"]
    assert row["used"] == "2 m 0 s"
    assert row["micros"] == response.context["total"]


def test_usage_that_was_told_again_counts_once(see, business):
    talks(business, "call:1", talk=2)
    with business.scope():
        usage.close("call:1", [Amount("stt.audio", minutes(5), "deepgram", "nova-3")], NOW)
        charging.charge("call:1", NOW)

    response = see("usage", by="meter")

    assert {row["under"]: row["used"] for row in response.context["rows"]}["deepgram nova-3"] == "5 m 0 s"


def test_wrong_filters_are_named_and_the_rest_counts(see, business):
    talks(business, "call:1")

    response = see("usage", first="2026-11-10", last="2026-11-01", by="nothing")

    assert set(response.context["form"].errors) == {"last", "by"}


def test_the_file_has_the_rows_of_the_page(see, business, agent):
    spent = talks(business, "call:1", agent=str(agent.id))

    lines = see("usage-csv", by="agent").content.decode().splitlines()

    assert len(lines) == 2
    assert agent.name in lines[1]
    assert lines[1].split(",")[-1] == plain(spent)


def test_roles_without_money_are_kept_out(see):
    for who in ("builder", "analyst"):
        see("usage", who=who, status=403)
