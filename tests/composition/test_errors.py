"""What cannot become a configuration is refused in one line that names the nearest known word."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import sweep

from builder.composition import build_config
from builder.config import (
    BuildConfig,
)
from builder.errors import ConfigError

KNOWN = (
    "known: card, dataset, debug, env, episodes, expert, hub, keep_chunks, manifest, max_attempts, "
    "max_return, mode, ..."
)


QUOTE = "expected key=value; quote a value that holds special characters: \"out='a=b'\""


@sweep(
    ("config", "message"),
    [
        (["expert=cartpol"], "there is no expert 'cartpol'; did you mean 'cartpole'?"),
        ({"expert": "cartpol"}, "there is no expert 'cartpol'; did you mean 'cartpole'?"),
        (["parallel=dusk"], "there is no parallel 'dusk'; did you mean 'dask'?"),
        (["episode=5"], "there is no key 'episode'; did you mean 'episodes'?"),
        ({"episode": 5}, "there is no key 'episode'; did you mean 'episodes'?"),
        (["rollout.lane=3"], "there is no key 'rollout.lane'; did you mean 'rollout.lanes'?"),
        ({"rollout": {"lane": 3}}, "there is no key 'rollout.lane'; did you mean 'rollout.lanes'?"),
        ({"rollouts": {"lanes": 3}}, "there is no key 'rollouts'; did you mean 'rollout'?"),
        (["+episode=3"], "there is no key 'episode'; did you mean 'episodes'?"),
        (["exprt=cartpole"], "there is no key 'exprt'; did you mean 'expert'?"),
        (["+zzz=3"], f"there is no key 'zzz'; {KNOWN}"),
        (["env={kwargs: {gravity: 1}}"], "env is a group of keys; set them one by one: env.KEY=..."),
        ({"rollout": 5}, "rollout is a group of keys; expected a name or a mapping; got 5"),
        (["episodes=many"], "episodes: Value 'many' of type 'str' could not be converted to Integer"),
        (["episodes=2.5"], "episodes: Value '2.5' of type 'float' could not be converted to Integer"),
        (
            ["rollout.lanes=null"],
            "rollout.lanes: Value 'None' is incompatible with type hint 'Union[int, str]'",
        ),
        (
            {"env.kwargs.f": print},
            "env.kwargs.f: Value 'builtin_function_or_method' is not a supported primitive type",
        ),
        (["out=${nowhere}"], "out: Interpolation key 'nowhere' not found"),
        (["expert=registered"], "expert.name must be given; add expert.name=... to the command"),
        (["episodes"], f"'episodes' cannot be read; {QUOTE}"),
        (["out=a=b"], f"'out=a=b' cannot be read; {QUOTE}"),
        (["episodes=[1"], f"'episodes=[1' cannot be read; {QUOTE}"),
        (
            ["seed=0,1"],
            "seed has several values; got 0,1; add -m to build each of them, or quote it: \"seed='0,1'\"",
        ),
        (
            ["=3"],
            (
                "Config group override must be a string or a list. Got int;"
                " choose groups by name, e.g. expert=cartpole"
            ),
        ),
    ],
    ids=str,
    quick=16,
)
def test_what_cannot_be_composed_is_refused_in_one_line(config, message):
    with pytest.raises(ConfigError) as caught:
        build_config(config)
    assert str(caught.value) == message


@pytest.mark.slow
@settings(max_examples=8)
@given(st.text(max_size=12))
def test_no_override_raises_anything_else(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(build_config([text]), BuildConfig)


@pytest.mark.parametrize("key", ["expert", "env", "rollout"])
def test_an_error_that_says_nothing_is_named_by_its_kind(key):
    with pytest.raises(ConfigError):
        build_config([f"{key}=${{..}}"])
