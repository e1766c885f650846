"""The card of what was merged, from its inputs and the few figures of its origins."""

from types import SimpleNamespace

from builder.card.contents import Origin
from builder.card.merged import SHOWN, _labels, _origins, _parts, title

PART = {"fingerprint": "0" * 64, "episodes": {"train": 8, "test": 2}}
SOURCE = {"name": "0" * 12, "fingerprint": "0" * 64, "lacks": []}


def contents(*origins, **merged):
    inputs = {"merged": {"parts": [PART], "sources": [SOURCE], **merged}}
    return SimpleNamespace(manifest=SimpleNamespace(inputs=inputs), origins=origins)


def test_the_title_names_the_environment_of_all_parts():
    assert title({"environment": {"id": "A-v0"}, "merged": {}}) == "`A-v0`: merged trajectories"
    assert title({"merged": {}}) == "Merged trajectories"


def test_a_part_says_how_much_was_taken_of_it_and_how():
    table = _parts({"parts": [PART, PART | {"taken": 0.5, "quality": "good"}], "seed": 3})
    whole, half = table.splitlines()[2:]
    assert "| 10 | all |" in whole
    assert "| 10 | 0.5 of each split, drawn with seed 3 | `good` |" in half
    assert "| 3 of each split" in _parts({"parts": [PART | {"taken": 3}]})


def test_of_many_parts_some_are_listed_and_the_others_counted():
    table = _parts({"parts": [PART] * (SHOWN + 2)})
    assert table.endswith("And 2 more parts, in `manifest.json`.")


def test_what_is_not_known_of_an_origin_is_said():
    line = _origins(contents(Origin("0" * 12, "", None, 3, None))).splitlines()[2]
    assert line == "| `000000000000` | not named |  |  | not named | 3 | not known |"


def test_strangers_text_is_text():
    assert "a\\|b" in _origins(contents(Origin("0" * 12, "a|b", "<b>", 3, 1.5)))


def test_the_noise_of_a_part_is_said_beside_its_policy():
    noisy = SOURCE | {"deterministic": True, "noise": {"kind": "gaussian", "std": 0.3}}
    table = _origins(contents(Origin("0" * 12, "pendulum", None, 3, None), sources=[noisy]))
    assert "the policy's best ones; with normal noise on each of them, of the standard deviation 0.3" in table


def test_where_there_are_labels_it_says_which_column_is_one():
    said = list(_labels({"merged": {"optional": ["expert_action", "controller"]}}))
    assert "`expert_action`, where it is there, is the label for imitation" in said[0]
    assert said[1].startswith("`controller` says who chose it")
    assert list(_labels({"merged": {"optional": []}})) == []
