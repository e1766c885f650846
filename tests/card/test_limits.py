"""What whoever uses a dataset is told."""

from card_folders import REWARDS, inputs_of

from builder.card import render_card


def test_limits_name_what_was_given_up(dataset):
    unpinned = {"name": "mine", "source": "python", "algo": None, "version": "not pinned", "target": "a:b"}
    inputs = inputs_of("episodes=5", "dataset.next_observation=false", expert=unpinned)
    card = render_card(dataset(REWARDS, inputs=inputs))
    assert "The expert is not pinned, so nobody can tell" in card
    assert "Next observations are not repeated" in card
    single = render_card(
        dataset(REWARDS, name="single", inputs=inputs_of("episodes=5", "rollout.precision=float32"))
    )
    assert "Inference was in float32" in single
    assert "byte for byte" not in single
