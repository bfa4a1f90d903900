"""Speech-like sound for the tests of the engine; the simulator's, so that there is one."""

from telephony.simulator.babble import babble

__all__ = ["babble"]
