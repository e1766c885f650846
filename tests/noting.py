"""An annotator for tests: what it is told, as columns of every kind."""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from builder.episodes.annotations import Annotator
from builder.episodes.declared import TEXT, Declared

COUNT = Declared("info.count", gym.spaces.Box(-np.inf, np.inf, (), np.int64))
ODD = Declared("info.odd", gym.spaces.Box(-np.inf, np.inf, (2,), np.float32), nullable=True)
WORD = Declared("info.word", TEXT)
CHOSEN = Declared("teacher.chosen", gym.spaces.Box(-np.inf, np.inf, (), np.float64))
STEPS = Declared("info.steps", gym.spaces.Box(-np.inf, np.inf, (), np.int64), table="episodes")
COLUMNS = (COUNT, ODD, WORD, CHOSEN, STEPS)


class Noting(Annotator):
    """Counts the steps of each attempt; says something at odd ones."""

    columns = COLUMNS

    def __init__(self):
        self.counts = {}

    def begun(self, lane, environment, info):
        self.counts[lane] = 0

    def before(self, lanes, environments):
        return {"info.count": np.array([self.counts[lane] for lane in lanes])}

    def acted(self, decided):
        return {"teacher.chosen": np.array([float(action.sum()) for action in decided.actions[0]])}

    def after(self, lanes, infos):
        for lane in lanes:
            self.counts[lane] += 1
        counts = np.array([self.counts[lane] for lane in lanes])
        words = np.array([f"step {count}" for count in counts], object)
        odd = counts % 2 == 1
        return {"info.odd": np.stack([counts * odd] * 2, 1), "info.odd.valid": odd, "info.word": words}

    def ended(self, lane, environment):
        return {"info.steps": np.array(self.counts[lane])}


@dataclass(frozen=True)
class Counted:
    """Its recipe."""

    columns: tuple = COLUMNS

    def annotator(self, actor, spaces):
        return Noting()
