"""The statistics of an archive are found where the tools that write them put them, and are never guessed."""

import pytest
from sweeps import sweep

from builder.errors import ExpertError
from builder.experts.sources.statistics_files import names_beside, search

HEAD = b"\x80\x04\x95\x8c.stable_baselines3.common.vec_env.vec_normalize\x94\x8c\x0cVecNormalize\x94"


@pytest.fixture
def lay(tmp_path):
    """Lay files into a folder: archives by their names, statistics each with content of its own."""

    def write(*names, same=False):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(HEAD + (b"" if same else name.encode()) if name.endswith(".pkl") else b"")
        return tmp_path / names[0]

    return write


@sweep(
    ("archive", "statistics"),
    [
        ("agent.zip", "vec_normalize.pkl"),
        ("agent.zip", "vecnormalize.pkl"),
        ("agent.zip", "agent_vecnormalize.pkl"),
        ("agent.zip", "vec_normalize-agent.pkl"),
        ("agent.zip", "agent.pkl"),
        ("agent.zip", "agent/vecnormalize.pkl"),
        ("agent.zip", "agent/stats.pkl"),
        ("agent.zip", "env_stats.pkl"),
        ("agent.zip", "vecnormalize_final.pkl"),
        ("agent.zip", "normalizer.pkl"),
        ("rl_model_2048_steps.zip", "rl_model_vecnormalize_2048_steps.pkl"),
        ("mine_2048_steps.zip", "mine_vecnormalize_2048_steps.pkl"),
        ("rl_model_2048_steps.zip", "vecnormalize_2048_steps.pkl"),
        ("rl_model_2048_steps.zip", "rl_model_2048_steps.pkl"),
        ("rl_model_2048_steps.zip", "Ant-v3/vecnormalize.pkl"),
        ("best_model.zip", "Ant-v3/vecnormalize.pkl"),
        ("best_model.zip", "vecnormalize_best.pkl"),
    ],
    quick=6,
)
def test_statistics_that_lie_alone_are_the_archives(lay, tmp_path, archive, statistics):
    assert search(lay(archive, statistics)).chosen() == tmp_path / statistics


@sweep(
    ("archive", "own", "more"),
    [
        ("rl_model_9_steps.zip", "rl_model_vecnormalize_9_steps.pkl", ["rl_model_vecnormalize_19_steps.pkl"]),
        ("rl_model_9_steps.zip", "rl_model_vecnormalize_9_steps.pkl", ["vec_normalize.pkl"]),
        ("rl_model_9_steps.zip", "rl_model_vecnormalize_9_steps.pkl", ["Ant-v3/vecnormalize.pkl"]),
        ("agent.zip", "agent_vecnormalize.pkl", ["vec_normalize.pkl", "other_vecnormalize.pkl"]),
        ("agent.zip", "agent/vecnormalize.pkl", ["vec_normalize.pkl"]),
        ("a.zip", "a_stats.pkl", ["b.zip", "b_stats.pkl"]),
        ("best_model.zip", "vecnormalize_best.pkl", ["final_model.zip", "vecnormalize_final.pkl"]),
        (
            "best_model.zip",
            "vec_normalize.pkl",
            ["rl_model_9_steps.zip", "rl_model_vecnormalize_9_steps.pkl"],
        ),
    ],
    quick=4,
)
def test_statistics_that_bear_the_archives_name_go_before_those_of_others(lay, tmp_path, archive, own, more):
    assert search(lay(archive, own, *more)).chosen() == tmp_path / own


@pytest.mark.parametrize(
    ("archive", "candidates"),
    [
        ("agent.zip", ["vec_normalize.pkl", "vecnormalize.pkl"]),
        ("agent.zip", ["env_stats.pkl", "vec_normalize.pkl"]),
        ("best_model.zip", ["vecnormalize.pkl", "Ant-v3/vecnormalize.pkl"]),
        ("best_model.zip", ["Ant-v3/vecnormalize.pkl", "Hopper-v3/vecnormalize.pkl"]),
        ("agent.zip", ["agent/best.pkl", "agent/final.pkl"]),
        ("model.zip", ["mine_vecnormalize_1_steps.pkl", "mine_vecnormalize_2_steps.pkl"]),
    ],
)
def test_several_candidates_are_named_and_none_is_chosen(lay, tmp_path, archive, candidates):
    with pytest.raises(ExpertError) as caught:
        search(lay(archive, *candidates)).chosen()
    assert caught.value.what == "the expert's normalisation statistics may be any of several files"
    assert all(
        f"{(tmp_path / name).parent.name}/{(tmp_path / name).name}" in caught.value.got for name in candidates
    )
    assert caught.value.remedy == "say which with expert.vec_normalize=PATH"


def test_copies_of_one_file_are_one(lay, tmp_path):
    found = search(lay("agent.zip", "vec_normalize.pkl", "vecnormalize.pkl", same=True))
    assert found.chosen() == tmp_path / "vec_normalize.pkl"


@pytest.mark.parametrize(
    ("archive", "others"),
    [
        ("rl_model_9_steps.zip", ["rl_model_vecnormalize_19_steps.pkl"]),
        ("b.zip", ["a.zip", "a_vecnormalize.pkl"]),
        ("best_model.zip", ["rl_model_9_steps.zip", "rl_model_vecnormalize_9_steps.pkl"]),
    ],
)
def test_statistics_of_other_archives_are_not_taken(lay, archive, others):
    found = search(lay(archive, *others))
    assert found.chosen() is None
    assert [path.name for path in found.others] == [others[-1]]


def test_what_lies_in_a_folder_of_another_name_is_only_for_what_callbacks_save(lay):
    assert search(lay("agent.zip", "Ant-v3/vecnormalize.pkl")).all == ()


@pytest.mark.parametrize("name", ["replay_buffer.pkl", "notes.pkl"])
def test_a_pickle_of_something_else_is_no_candidate(lay, tmp_path, name):
    archive = lay("agent.zip")
    (tmp_path / name).write_bytes(b"\x80\x04\x95\x8c\x04list\x94")
    assert search(archive).all == ()


LISTING = [
    *("agent.zip", "agent_vecnormalize.pkl", "stats.pkl", "config.yml", "README.md", "replay_buffer.pkl"),
    *("other.zip", "other_vecnormalize.pkl", "agent/policy.pth", "agent/args.yml"),
    *("best_model.zip", "Ant-v3/config.yml", "Ant-v3/vecnormalize.pkl", "deep/er/vecnormalize.pkl"),
    *("../config.yml", "x/../config.yml", "/etc/config.yml", "rl_model_9_steps.zip"),
    *("rl_model_vecnormalize_9_steps.pkl", "rl_model_replay_buffer_9_steps.pkl"),
]


@pytest.mark.parametrize(
    ("archive", "wanted"),
    [
        ("agent.zip", ["agent/args.yml", "agent_vecnormalize.pkl", "config.yml", "stats.pkl"]),
        (
            "best_model.zip",
            ["Ant-v3/config.yml", "Ant-v3/vecnormalize.pkl", "agent/args.yml", "config.yml", "stats.pkl"],
        ),
        (
            "rl_model_9_steps.zip",
            [
                *("Ant-v3/config.yml", "Ant-v3/vecnormalize.pkl", "agent/args.yml", "config.yml"),
                *("rl_model_vecnormalize_9_steps.pkl", "stats.pkl"),
            ],
        ),
        ("deep/er/agent.zip", ["deep/er/vecnormalize.pkl"]),
    ],
)
def test_of_a_repository_only_what_may_be_the_archives_is_wanted(archive, wanted):
    assert names_beside(archive, LISTING, ["config.yml", "args.yml", "vecnormalize.pkl"]) == wanted
