"""Arguments of a stranger's environment are plain data of its own signature, or need trust."""

import gymnasium as gym
from sweeps import case

from builder.environments.arguments import MAX_DEPTH, MAX_VALUES, risky, signature


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


PLAIN = [
    *(
        {},
        {"gravity": 9.8},
        {"continuous": True},
        {"wind_power": None},
        {"map_name": "4x4"},
        {"obs_type": "rgb"},
    ),
    *(
        {"desc": ["SFFF", "FHFH"]},
        {"healthy_z_range": [0.2, 1.0]},
        {"config": {"vehicles": {"count": 3}}},
    ),
    *({"reset_noise_scale": float("inf")}, {"mode": 0, "difficulty": 3}, {"maze_map": [[1, "r", 0]]}),
]


def test_plain_data_needs_no_trust():
    for kwargs in PLAIN:
        with case(kwargs):
            assert risky(kwargs) == []


DANGEROUS = [
    *(
        {"render_mode": "human"},
        {"render": True},
        {"use_gui": True},
        {"display_screen": True},
        {"open_window": 1},
    ),
    *({"xml_file": "a"}, {"model_path": "a"}, {"logDir": "a"}, {"save_to": 1}, {"recordVideo": True}),
    *({"host": "x"}, {"server_port": 80}, {"address": "x"}, {"url": "x"}, {"callback": "x"}, {"fn": 1}),
    *({"entry_point": "x"}, {"cls": "x"}, {"shell": True}, {"HTTPServer": 1}, {"rewardFunction": "x"}),
    *(
        {"a": "module:attribute"},
        {"a": "module.attribute"},
        {"a": "/etc/passwd"},
        {"a": "../x"},
        {"a": "~"},
    ),
    *({"a": "C:\\x"}, {"a": "x\n"}, {"a": "\0"}, {"a": "${oc.env:HOME}"}, {"a": "$HOME"}, {"a": "é"}),
    *({"a": b"x"}, {"a": print}, {"a": {1: "x/y"}}, {"a": {"xml_file": 1}}, {"a": [["ok", "no:no"]]}),
    *({"a": "x" * 201}, {"a": nested(MAX_DEPTH + 2)}, {"a": [0] * (MAX_VALUES + 1)}, {3: 1}),
]


def test_what_opens_or_names_something_needs_trust():
    for kwargs in DANGEROUS:
        with case(kwargs):
            assert len(risky(kwargs)) == 1


def test_what_the_constructor_does_not_take_needs_trust():
    known = signature(gym.spec("LunarLander-v3"))
    assert {"gravity", "continuous", "enable_wind"} <= known
    assert risky({"gravity": -9.0}, known) == []
    assert risky({"gravitas": -9.0}, known) == ["gravitas=-9.0"]


def test_a_signature_includes_what_is_passed_on_to_the_classes_above():
    assert {"healthy_reward", "camera_name", "frame_skip"} <= signature(gym.spec("Hopper-v5"))
    assert "self" not in signature(gym.spec("Hopper-v5"))


def test_a_constructor_that_cannot_be_had_takes_nothing():
    registered = gym.envs.registration.EnvSpec("Nowhere-v0", entry_point="no_such_module:Nowhere")
    assert signature(registered) == frozenset()


def test_what_is_shown_of_an_argument_is_short():
    (shown,) = risky({"n" * 100: "/" * 500})
    assert len(shown) < 110
