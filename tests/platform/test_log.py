"""No secret reaches a log, whichever way it is logged."""

import json
import logging
import subprocess
import sys

import pytest

from switchboard import log

SECRETS = {
    "header": ("headers", {"X-Vobiz-Signature-MA-V3": "hunter2=", "Host": "x"}),
    "authorization": ("headers", {"Authorization": "Basic aHVudGVyMg=="}),
    "auth token": ("auth_token", "hunter2"),
    "parent's token": ("parent-auth-token", "hunter2"),
    "nested": ("request", {"form": [{"AuthToken": "hunter2"}]}),
    "path token": ("url", "/vobiz/answer/hunter2/?CallUUID=1"),
    "stream token": ("url", "wss://voice.example.com/media/hunter2/"),
    "address": ("error", "cannot reach redis://:hunter2@redis:6379/0"),
    "bearer": ("error", "sent Bearer hunter2hunter2 and got 401"),
    "text": ("error", 'refused {"auth_token": "hunter2", "call": 1}'),
    "field": ("error", "X-Vobiz-Signature-V2: hunter2"),
    "password reset": ("url", "/accounts/password/reset/key/1-hunter2/"),
}


@pytest.mark.parametrize(("name", "value"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_hidden_and_the_rest_stays(name, value):
    event = log._scrub_event(None, "info", {"event": "webhook", name: value, "call": "c-1"})

    assert "hunter2" not in json.dumps(event)
    assert "aHVudGVyMg" not in json.dumps(event)
    assert event["event"] == "webhook"
    assert event["call"] == "c-1"


@pytest.mark.parametrize(
    "text",
    [
        "call 5f1c ended after 12 s: caller hung up",
        "GET /t/acme/calls/0c1d4a50-7c1e-4a55-9a53-6f4cbbf0a3e4/ 200",
        "connect to postgresql://switchboard@db:5432/switchboard",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert log.scrub_text(text) == text


PROGRAM = """
import logging, sys
import structlog
from switchboard import log
log.configure({"format": sys.argv[1], "level": "INFO"})
structlog.contextvars.bind_contextvars(call="c-1")
structlog.get_logger("ours").warning("refused", auth_token="hunter2", count=3)
logging.getLogger("theirs").info("Authorization: Token %s", "hunter2")
logging.getLogger("theirs").debug("not at this level")
try:
    raise ValueError('they said "password=hunter2"')
except ValueError:
    structlog.get_logger("ours").exception("broke")
"""


@pytest.mark.parametrize("shape", ["json", "text"])
def test_our_lines_and_theirs_come_out_alike_and_clean(shape):
    run = subprocess.run([sys.executable, "-c", PROGRAM, shape], capture_output=True, text=True, check=True)

    assert "hunter2" not in run.stderr
    assert "not at this level" not in run.stderr
    assert "ValueError" in run.stderr
    if shape == "json":
        lines = [json.loads(line) for line in run.stderr.splitlines()]
        assert [line["logger"] for line in lines] == ["ours", "theirs", "ours"]
        assert [line["level"] for line in lines] == ["warning", "info", "error"]
        assert {line["call"] for line in lines} == {"c-1"}
        assert lines[0]["count"] == 3


def test_configuring_twice_does_not_say_things_twice():
    ours = [handler for handler in logging.getLogger().handlers if isinstance(handler.formatter, log._Scrubbed)]

    assert len(ours) == 1


@pytest.mark.parametrize(
    "piece", ["a", "aB3-_", "secret", "token ", "http://a", "authorization: ", "x://", '"cookie"  ']
)
def test_a_line_of_a_megabyte_costs_its_length_not_its_square(piece):
    """With the square this would outlast the test's limit by hours."""
    line = f"GET /media/x/?{piece * (1_000_000 // len(piece))}"

    assert log.scrub_text(line).startswith("GET /media/[hidden]/?")
