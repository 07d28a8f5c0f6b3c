"""Whole nights before a simulated camera: what happens in them is known, frame by frame."""

from arwatch.simulate.nights.almanac import LATITUDE_DEG, LONGITUDE_DEG
from arwatch.simulate.nights.camera import TRUTH, take_night
from arwatch.simulate.nights.drawing import night
from arwatch.simulate.nights.state import state
from arwatch.simulate.nights.values import KINDS, Event, Night, State

__all__ = ["KINDS", "LATITUDE_DEG", "LONGITUDE_DEG", "TRUTH", "Event", "Night", "State", "night", "state", "take_night"]
