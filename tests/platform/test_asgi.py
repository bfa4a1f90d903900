"""What a stream worker does before its first call."""

import pytest

from agents.voice import turn_model
from agents.voice.turn_model import TurnModel
from switchboard.asgi import warm_turn_model


@pytest.fixture
def loaded(monkeypatch):
    """How often the process's model is loaded."""
    times = []
    model = TurnModel(lambda: (times.append(1), lambda features: 0.5)[1], threads=1)
    monkeypatch.setattr(TurnModel, "_of_process", model)
    turn_model.model_path.cache_clear()
    yield times
    turn_model.model_path.cache_clear()
    model.close()


async def test_the_turn_model_is_loaded_before_the_first_call_where_its_file_is(monkeypatch, tmp_path, loaded):
    data = tmp_path / "pipecat" / "audio" / "turn" / "smart_turn" / "data"
    data.mkdir(parents=True)
    (tmp_path / "pipecat" / "__init__.py").touch()
    (data / "smart-turn-v3.2-cpu.onnx").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    await warm_turn_model()

    assert loaded == [1]


async def test_without_its_file_nothing_is_loaded(monkeypatch, tmp_path, loaded):
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    await warm_turn_model()

    assert loaded == []
