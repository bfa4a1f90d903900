"""Celery with the folder for a broker: a real worker in another process."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from kombu import Connection

from switchboard import queue_folder
from switchboard.celery import app

queue_folder.install()

WORKER = """
import os, sys
from pathlib import Path
import django
from django.db import connection
django.setup()
connection.settings_dict["NAME"] = os.environ["TEST_DATABASE_NAME"]
from switchboard.celery import app

@app.task(name="tests.write")
def write(path, text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        Path(path).write_text(f"{text} as {cursor.fetchone()[0]}")

app.worker_main(["worker", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO"])
"""


@pytest.fixture
def folder(tmp_path):
    return {"transport_options": {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path)}}


@pytest.mark.django_db
def test_a_worker_runs_a_task_as_the_applications_role(tmp_path):
    from django.db import connection

    pipe = tmp_path / "result"
    os.mkfifo(pipe)
    env = {**os.environ, "TEST_DATABASE_NAME": connection.settings_dict["NAME"], "SWITCHBOARD_HOME": str(tmp_path)}
    log = (tmp_path / "worker.log").open("w")
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=env, stderr=log, stdout=log)
    options = {**settings.CELERY["broker_transport_options"]}
    options |= {"data_folder_in": str(tmp_path / "queue"), "data_folder_out": str(tmp_path / "queue")}
    (tmp_path / "queue").mkdir(exist_ok=True)

    try:
        with Connection("filesystem://", transport_options=options) as link:
            app.send_task("tests.write", args=[str(pipe), "done"], connection=link)
        result = []
        reader = threading.Thread(target=lambda: result.append(pipe.read_text()), daemon=True)
        reader.start()
        reader.join(60)
        assert result == ["done as switchboard_app"], (tmp_path / "worker.log").read_text()
    finally:
        worker.terminate()
        worker.wait(30)
    assert worker.returncode == 0


def test_messages_come_out_in_the_order_they_went_in(folder):
    with Connection("filesystem://", **folder) as link:
        queue = link.SimpleQueue("q")
        for number in range(20):
            queue.put({"number": number})

        got = [queue.get(block=False).payload["number"] for _ in range(20)]

    assert got == list(range(20))


def test_a_message_goes_to_one_of_many_readers(folder, tmp_path):
    with Connection("filesystem://", **folder) as link:
        queue = link.SimpleQueue("q")
        for number in range(100):
            queue.put({"number": number})
    got = []

    def read():
        with Connection("filesystem://", **folder) as link:
            queue = link.SimpleQueue("q")
            while True:
                try:
                    message = queue.get(block=False)
                except queue.Empty:
                    return
                got.append(message.payload["number"])
                message.ack()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(got) == list(range(100))
    assert list(tmp_path.iterdir()) == []


def test_a_message_being_written_is_not_read(folder, tmp_path):
    (tmp_path / ".0_x.q.msg").write_text('{"half":')

    with Connection("filesystem://", **folder) as link:
        queue = link.SimpleQueue("q")
        with pytest.raises(queue.Empty):
            queue.get(block=False)


def test_only_json_is_accepted():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"


def test_the_schedule_names_tasks_that_exist():
    app.loader.import_default_modules()

    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks


def test_a_task_can_be_sent_from_an_event_loop(folder):
    async def send():
        with Connection("filesystem://", **folder) as link:
            link.SimpleQueue("q").put({"from": "loop"})

    asyncio.run(send())
