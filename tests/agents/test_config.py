"""Reading the JSON of drafts and versions, of today and of long ago."""

from dataclasses import replace

import pytest

from agents.config import AgentConfig, ConfigError, as_json, read
from agents.starting_points import STARTING_POINTS
from agents.voice.blueprint import Limits, Phrases


@pytest.mark.parametrize("point", STARTING_POINTS, ids=lambda point: point.id)
def test_what_is_written_is_read_again(point):
    config = point.make("Asha", "Sanjeevani Clinic")

    assert read(as_json(config)) == config


def test_json_of_an_older_shape_gets_the_defaults_of_today():
    json = {
        "name": "Asha",
        "greeting": "Hello",
        "limits": {"idle_ms": 5_000},
        "answers": [{"question": "q", "answer": "a"}],
    }

    config = read(json)

    assert config.limits == Limits(idle_ms=5_000)
    assert config.phrases == Phrases()
    assert config.answers[0].phrasings == ()
    assert config.record is True


def test_json_of_a_newer_shape_is_read_without_what_is_unknown():
    json = as_json(AgentConfig(name="Asha")) | {"hobbies": [{"name": "chess"}]}

    assert read(json) == AgentConfig(name="Asha")


@pytest.mark.parametrize(
    ("json", "field"),
    [
        ({"greeting": 3}, "greeting"),
        ({"limits": {"idle_ms": "soon"}}, "limits.idle_ms"),
        ({"answers": [{"question": "a", "answer": "b"}, {"question": "c", "answer": None}]}, "answers[1].answer"),
        ({"forms": [{"name": "f", "phrases": [], "slots": [{"name": "s", "prompt": "p", "kind": "mood"}], "done": ""}]},
         "forms[0].slots[0].kind"),
        ({"targets": {}}, "targets"),
    ],
)  # fmt: skip
def test_a_wrong_kind_is_named_by_its_path(json, field):
    with pytest.raises(ConfigError) as error:
        read(json)

    assert error.value.field == field


def test_a_list_in_place_of_the_whole_has_no_field():
    with pytest.raises(ConfigError) as error:
        read([])

    assert error.value.field == ""


def test_nothing_is_lost_that_is_wrong_only_in_content():
    config = replace(AgentConfig(), greeting="", language="xx", limits=Limits(idle_ms=-1))

    assert read(as_json(config)) == config
