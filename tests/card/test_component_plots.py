"""How observations and actions are distributed: what is drawn, what is said, and what is left out."""

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from card_folders import inputs_of

from builder.card import render_card
from builder.card.component_plots import MOST_PANELS, component_sentences, components_picture, drawn_of
from builder.card.contents import read_contents
from builder.card.sample import read_sample
from builder.errors import DatasetError
from builder.manifest.manifest import read_manifest

BOX = gym.spaces.Box(-1, 1, (3,))


def drawn(dataset, observation=BOX, action=BOX, steps=20, env_id="Mine-v0"):
    inputs = inputs_of("episodes=1", "expert=random", f"env.id={env_id}")
    folder = dataset([[1.0] * steps], inputs=inputs, spaces=(observation, action))
    sample = read_sample(folder, read_manifest(folder))
    return drawn_of(read_contents(folder), sample), sample


def test_each_component_has_its_place_and_its_name(dataset):
    found, sample = drawn(dataset, gym.spaces.Box(-1, 1, (4,)), gym.spaces.Discrete(2), env_id="CartPole-v1")
    places = [(series.place, series.meaning, series.names) for series in found.panels]
    assert places[1] == ("observation[1]", "cart velocity (m/s)", ())
    assert places[-1] == ("action", "", ("push the cart to the left", "push the cart to the right"))
    assert components_picture(found) is not None
    assert component_sentences(found, sample) == (
        "How each component is distributed over all 20 steps. Bars of histograms are as high as the"
        " square roots of counts, so that what is rare shows."
    )


def test_components_of_nested_spaces_are_placed_by_their_leaves(dataset):
    nested = gym.spaces.Dict({"arm": gym.spaces.Box(-1, 1, (2, 2)), "held": gym.spaces.Discrete(3)})
    found, _ = drawn(dataset, nested, gym.spaces.MultiDiscrete([3, 2]))
    assert [series.place for series in found.panels] == [
        *(f"observation.arm[{row}, {column}]" for row in range(2) for column in range(2)),
        *("observation.held", "action[0]", "action[1]"),
    ]


def test_a_constant_component_is_a_sentence(dataset):
    still = gym.spaces.Box(np.array([-1, 2, 0], np.float32), np.array([1, 2, 0], np.float32))
    found, sample = drawn(dataset, still, gym.spaces.Discrete(1))
    assert [series.place for series in found.panels] == ["observation[0]"]
    assert (
        "`observation[1]` is always 2; `observation[2]` is always 0; `action` is always 0."
        in component_sentences(found, sample)
    )


def test_a_choice_that_is_always_the_same_is_called_by_its_name(dataset):
    action = gym.spaces.Discrete(1, start=0)
    found, sample = drawn(dataset, BOX, action, env_id="CartPole-v1")
    assert "`action` is always 0." in component_sentences(found, sample)
    found, sample = drawn(dataset, BOX, gym.spaces.Discrete(3), steps=1, env_id="Acrobot-v1")
    assert "N m" in component_sentences(found, sample) or "(no torque)" in component_sentences(found, sample)


def test_of_many_constant_components_eight_are_named(dataset):
    found, sample = drawn(dataset, gym.spaces.Box(0, 0, (30,)))
    assert "`observation[7]` is always 0; 22 more components are constant too." in component_sentences(
        found, sample
    )


@pytest.mark.parametrize(
    ("observations", "actions", "shown"),
    [(40, 3, (21, 3)), (40, 30, (12, 12)), (3, 40, (3, 21)), (10, 13, (10, 13))],
)
def test_at_most_24_panels_are_drawn_of_both(dataset, observations, actions, shown):
    spaces = gym.spaces.Box(-1, 1, (observations,)), gym.spaces.Box(-1, 1, (actions,))
    found, sample = drawn(dataset, *spaces)
    parts = [series.part for series in found.panels]
    assert (parts.count("observation"), parts.count("action")) == shown
    assert found.left_out == observations + actions - sum(shown)
    said = f"{found.left_out} more components are not drawn."
    assert (said in component_sentences(found, sample)) is (observations + actions > MOST_PANELS)


def test_pixels_are_not_drawn_and_that_is_said(dataset):
    pixels = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    found, sample = drawn(dataset, pixels, gym.spaces.Discrete(5, start=-1))
    assert component_sentences(found, sample) == (
        "How each component is distributed over all 20 steps. `observation` holds pixels,"
        " which are not drawn."
    )
    assert found.panels[0].names == ("-1", "0", "1", "2", "3")
    assert components_picture(found) is not None


def test_infinite_values_leave_the_others_to_be_seen(dataset):
    found, _ = drawn(dataset, gym.spaces.Box(-np.inf, np.inf, (2,)))
    before = components_picture(found)
    found.panels[0].values[3] = np.inf
    assert components_picture(found) not in (None, before)


def test_an_action_that_no_choice_is_makes_an_error_and_no_card(dataset):
    folder = dataset([[1.0]], inputs=inputs_of("episodes=1"))
    path = next((folder / "data").iterdir())
    rows = pq.read_table(path)
    place = rows.schema.get_field_index("action")
    wrong = pa.array([7] * len(rows), rows.schema.field("action").type)
    pq.write_table(rows.set_column(place, rows.schema.field("action"), wrong), path)
    with pytest.raises(DatasetError, match="does not describe"):
        render_card(folder)


def test_where_nothing_varies_there_is_no_picture(dataset):
    found, _ = drawn(dataset, gym.spaces.Box(0, 0, (2,)), gym.spaces.Discrete(1))
    assert components_picture(found) is None
