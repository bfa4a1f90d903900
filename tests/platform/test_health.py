"""Alive, ready, measured."""

import asyncio
import subprocess
import sys

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient

from switchboard import health, measured
from switchboard.asgi import application
from telephony import admission


@pytest.fixture
def client():
    return AsyncClient()


async def get(path: str, headers: dict[str, str] | None = None, peer: str = "127.0.0.1"):
    """Through the ASGI callable of the stream role."""
    fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": fields, "client": [peer, 1]}
    talk = ApplicationCommunicator(health.serve, scope)
    start = await talk.receive_output(10)
    body = await talk.receive_output(10)
    return start["status"], body["body"].decode()


@pytest.fixture
def draining(monkeypatch):
    monkeypatch.setattr(admission._process, "draining", True)


async def test_it_is_alive_even_without_a_database(client):
    assert (await client.get("/healthz")).content == b"ok\n"


@pytest.mark.django_db(transaction=True)
async def test_it_is_ready_when_the_database_answers(client):
    response = await client.get("/readyz")

    assert (response.status_code, response.content) == (200, b"ready\n")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
async def test_a_draining_process_is_alive_and_not_ready(draining):
    assert await get("/healthz") == (200, "draining\n")
    assert (await get("/readyz"))[0] == 503


@pytest.mark.django_db(transaction=True)
async def test_a_late_event_loop_is_not_ready(monkeypatch):
    monkeypatch.setattr(health, "_lag_s", 0.25)

    assert await get("/readyz") == (503, "the event loop is 250 ms late\n")


async def test_an_unreachable_database_is_not_ready(monkeypatch):
    async def trouble():
        return "the database is unreachable"

    monkeypatch.setattr(health, "_database_trouble", trouble)

    assert await get("/readyz") == (503, "the database is unreachable\n")


async def test_metrics_name_what_the_contract_promises():
    status, text = await get("/metrics")

    assert status == 200
    for name in ("live_calls", "tasks", "loop_lag_seconds", "response_gap_seconds", "journal_backlog"):
        assert f"# TYPE switchboard_{name} " in text


@pytest.mark.parametrize(
    ("peer", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("10.1.2.3", {}, "", 200),
        ("8.8.8.8", {}, "", 404),
        ("127.0.0.1", {"x-forwarded-for": "8.8.8.8"}, "", 404),
        ("8.8.8.8", {"authorization": "Bearer t0ken"}, "t0ken", 200),
        ("127.0.0.1", {"authorization": "Bearer wrong"}, "t0ken", 404),
        ("127.0.0.1", {}, "t0ken", 404),
    ],
)
async def test_who_may_read_metrics(settings, peer, headers, token, status):
    settings.METRICS_TOKEN = token

    assert (await get("/metrics", headers, peer))[0] == status


MEASURED = """
import os, sys, django
from pathlib import Path
folder = sys.argv[1]
os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
django.setup()
from switchboard import health
from telephony import metrics
metrics.calls_total.labels("completed").inc()
metrics.live_calls.inc()
print(health.metrics_text().decode())
"""


CONTRACT = (
    "live_calls",
    "calls_total{",
    "calls_refused_total{",
    "tasks",
    "loop_lag_seconds",
    "response_gap_seconds_count",
    "barge_in_seconds_count",
    "playout_underruns_total",
    "provider_errors_total{",
    "resumed_calls_total",
    "journal_backlog",
)


def test_every_metric_is_there_before_the_first_call(tmp_path):
    silent = MEASURED.replace("metrics.calls_total", "# metrics.calls_total")

    text = subprocess.run(
        [sys.executable, "-c", silent, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout

    assert [name for name in CONTRACT if f"\nswitchboard_{name}" not in text] == []


def test_metrics_add_up_over_processes_and_forget_the_dead_ones_gauges(tmp_path):
    texts = [
        subprocess.run(
            [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert 'switchboard_calls_total{outcome="completed"} 2.0' in texts[1]
    assert "switchboard_live_calls 1.0" in texts[1]


@pytest.mark.parametrize(
    ("pid", "left"),
    [
        (1, []),
        (7, ["counter_1.db", "counter_7.db", "gauge_livesum_1.db", "gauge_livesum_17.db"]),
    ],
)
def test_a_process_takes_nothing_for_its_own_that_an_earlier_one_with_its_number_measured(tmp_path, pid, left):
    for name in ("counter_1", "counter_7", "gauge_livesum_1", "gauge_livesum_7", "gauge_livesum_17"):
        (tmp_path / f"{name}.db").touch()

    measured.forget_predecessors(tmp_path, pid)

    assert sorted(file.name for file in tmp_path.iterdir()) == left


async def test_a_media_socket_is_refused_before_its_upgrade_while_draining(draining):
    scope = {"type": "websocket", "path": "/media/token/", "headers": [], "extensions": {"websocket.http.response": {}}}
    talk = ApplicationCommunicator(application, scope)
    await talk.send_input({"type": "websocket.connect"})

    answer = await talk.receive_output(10)

    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 503)


async def test_a_socket_that_nobody_knows_is_closed_and_not_an_error():
    scope = {"type": "websocket", "path": "/media/", "headers": []}
    talk = ApplicationCommunicator(application, scope)
    await talk.send_input({"type": "websocket.connect"})

    assert await talk.receive_output(10) == {"type": "websocket.close", "code": 4404}


async def test_a_stream_worker_serves_no_pages_and_no_live_sockets(settings):
    settings.ROLE = "stream"
    page = ApplicationCommunicator(
        application, {"type": "http", "method": "GET", "path": "/accounts/login/", "headers": [], "client": None}
    )
    live = ApplicationCommunicator(application, {"type": "websocket", "path": "/live/acme/calls/", "headers": []})
    await live.send_input({"type": "websocket.connect"})

    assert (await page.receive_output(10))["status"] == 404
    assert (await live.receive_output(10))["type"] == "websocket.close"


async def test_the_probe_notices_a_blocked_loop():
    health.watch_loop()
    health.watch_loop()
    try:
        assert sum(task.get_name() == "loop lag probe" for task in asyncio.all_tasks()) == 1
    finally:
        health.stop_watching()
