"""Atari as agents are trained on it: an environment whose steps are the decisions of the agent.

The same observations and rewards as behind Stable-Baselines3's `AtariWrapper` with `clip_reward=False`, seed
for seed; only that an episode is a whole game, and that a game which ends within skipped frames ends on its
very last frame. It steps the emulator itself, since `AtariEnv.step` would colour every skipped frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.frames import Thumbnails
from builder.environments.screens import Screens
from builder.episodes.spaces import Array
from builder.errors import EnvironmentError_

NOOP, FIRE, AFTER_FIRE = 0, 1, 2
"""Actions by their number in a game's own action set."""


class AtariEnvironment(gym.Wrapper[Array, int, Array, int]):
    """Frames become grey, small and few.

    Args:
        env: an `AtariEnv` of ale-py that plays single frames.
        preprocessing: how.

    Raises:
        EnvironmentError_: it is another environment, or skips frames itself.
    """

    def __init__(self, env: gym.Env[Any, Any], preprocessing: AtariPreprocessing) -> None:
        super().__init__(env)
        _check(env)
        import ale_py

        self._settings = preprocessing
        atari: Any = env.unwrapped
        self._ale = atari.ale
        meanings = atari.get_action_meanings()
        self._codes = [getattr(ale_py.Action, meaning) for meaning in meanings]
        self._fires = "FIRE" in meanings and len(meanings) > AFTER_FIRE
        size = preprocessing.screen_size
        self.observation_space = gym.spaces.Box(0, 255, (size, size), np.uint8)
        self._loaded = _state_of_every_seed(atari)
        self._screens = Screens(self._ale)
        self._thumbnail = Thumbnails(self._screens.shape, size)
        self._lives = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        self._start(seed, options)
        if self._fires:
            for action in (FIRE, AFTER_FIRE):
                self._press(action)
                if self._over:
                    self._start(seed, options)
        return self._observe(), {"lives": self._lives}

    def step(self, action: int) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        reward = self._frames(int(action))
        if self._life_is_lost():
            for following in (NOOP, FIRE, AFTER_FIRE) if self._fires else (NOOP,):
                if not self._over:
                    reward += self._frames(NOOP) if following == NOOP else self._press(following)
            self._lives = self._ale.lives()
        terminated = bool(self._ale.game_over(with_truncation=False))
        truncated = bool(self._ale.game_truncated())
        return self._observe(), reward, terminated, truncated, {"lives": self._ale.lives()}

    def _start(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """A new game, and its no-ops."""
        self._begin(seed, options)
        self._over = False
        self._screens.drop()
        most = self._settings.noop_max
        # The generator is the environment's own, which its seed has just set: a replay draws the same number.
        for _ in range(int(self.env.unwrapped.np_random.integers(1, most + 1)) if most else 0):
            self._ale.act(self._codes[NOOP])
            if self._ale.game_over():
                self._begin(seed, options)
        self._lives = self._ale.lives()

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """What `reset` of ale-py does; for a seed it loads the game anew, which takes a tenth of a second."""
        if seed is not None and self._loaded is not None:
            self.env.unwrapped.seed_game(seed)  # type: ignore[attr-defined]  # it is an AtariEnv
            self._ale.restoreSystemState(self._loaded)
            seed = None
        self.env.reset(seed=seed, options=options)

    def _press(self, action: int) -> float:
        """Play an action; a life that it costs is followed by a no-op."""
        reward = self._frames(action)
        if self._life_is_lost():
            reward += self._frames(NOOP)
            self._lives = self._ale.lives()
        return reward

    def _frames(self, action: int) -> float:
        """Play an action for as many frames as it lasts, or until the game is over; the rewards' sum."""
        ale, code, last = self._ale, self._codes[action], self._settings.frame_skip - 1
        reward = 0.0
        self._screens.drop()
        for frame in range(last + 1):
            reward += ale.act(code)
            if ale.game_over():
                self._over = True
                break
            if frame == last - 1:
                self._screens.hold()
        return reward

    def _life_is_lost(self) -> bool:
        if not self._settings.fire_after_life or self._over:
            return False
        before, self._lives = self._lives, self._ale.lives()
        return 0 < self._lives < before

    def _observe(self) -> Array:
        return self._thumbnail(*self._screens.show())


def _state_of_every_seed(atari: Any) -> Any:
    """The emulator as it is after the game was loaded, whatever the seed; None where the seed matters.

    The seed of ale-py's emulator is for actions that it repeats by chance (sticky ones), and for Adventure.
    What is random in the console itself has a seed that is always the same.

    Args:
        atari: a new `AtariEnv`.
    """
    game = Path(atari.ale.getString("rom_file")).stem
    if atari.ale.getFloat("repeat_action_probability") or game == "adventure":
        return None
    return atari.ale.cloneSystemState()


def _check(env: gym.Env[Any, Any]) -> None:
    name = env.spec.id if env.spec else str(env)
    if not type(env).__module__.startswith("ale_py."):
        raise EnvironmentError_(
            f"{name} is not a plain Atari environment, so it has no Atari preprocessing",
            remedy="set env.preprocessing=raw",
        )
    skips = env.spec.kwargs.get("frameskip") if env.spec else None
    pictures = isinstance(env.observation_space, gym.spaces.Box) and env.observation_space.shape[2:] == (3,)
    if skips != 1 or not pictures or not isinstance(env.action_space, gym.spaces.Discrete):
        raise EnvironmentError_(
            f"{name} cannot be preprocessed",
            expected="single frames in colour, and discrete actions",
            got=f"frameskip {skips}, {env.observation_space}, {env.action_space}",
            remedy="set env.kwargs.frameskip=1, or env.preprocessing=raw",
        )
