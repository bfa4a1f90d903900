"""The drills, small: they run as `make crash-drill` and `make deploy-drill` with many calls."""

import pytest

from tests.drills import crash, deploy
from tests.drills.stage import stage

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with stage(tmp_path_factory.mktemp("home"), 12, port=18_800, drain_s=2) as made:
        yield made


def test_calls_survive_the_death_of_their_worker(running):
    verdict = crash.drill(running, 5, seed=5, every=(5.0, 8.0), most=2)

    assert verdict.hit, "nobody lost a worker"
    assert verdict.share == 1.0
    assert verdict.faults == []
    assert running.metric("resumed_calls_total") >= len(verdict.hit)


def test_a_deploy_cuts_no_call(running):
    verdict = deploy.drill(running, 5, seed=7, settle_s=1.0, turns=(4,))

    assert deploy.failures(verdict) == []
