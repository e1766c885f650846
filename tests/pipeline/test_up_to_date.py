"""What stands at `out` is the same dataset, fewer episodes of it, or something that is not touched."""

import pytest
from corridor import CORRIDOR, Always, chunks, start
from folders import files
from older import build_older
from sweeps import sweep

from builder import Policy, build, load
from builder.errors import ExistsError
from builder.versions import DATA_FORMAT, data_format_of


def test_a_second_build_is_up_to_date_and_touches_nothing(tmp_path):
    start(tmp_path / "x")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x").rglob("*")}
    assert start(tmp_path / "x").fresh is False
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "x").rglob("*")} == before


def test_fewer_episodes_than_there_are_is_an_error(tmp_path):
    start(tmp_path / "x")
    with pytest.raises(ExistsError, match="holds 20 episodes already"):
        start(tmp_path / "x", episodes=5)


def test_another_dataset_is_not_overwritten_and_the_difference_is_named(tmp_path):
    start(tmp_path / "x")
    before = files(tmp_path / "x")
    with pytest.raises(ExistsError, match=r"its config\.seed is 0; expected 1"):
        start(tmp_path / "x", seed=1)
    assert files(tmp_path / "x") == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_the_users_own_is_never_touched(tmp_path, overwrite):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/thesis.tex").write_text("mine")
    with pytest.raises(ExistsError, match="is not a dataset of ours"):
        start(tmp_path / "x", overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert files(tmp_path / "x") == {"thesis.tex": b"mine"}


def test_a_policy_without_a_version_is_not_pinned_and_never_taken_for_up_to_date(tmp_path):
    policy = Policy("Corridor-v0", policy=Always())
    build(expert=policy, episodes=3, out=tmp_path / "x")
    assert load(tmp_path / "x").manifest.inputs["expert"]["version"] == "not pinned"
    for episodes in (3, 4):  # the same again, or more of what may be another policy's
        with pytest.raises(ExistsError, match="not pinned"):
            build(expert=policy, episodes=episodes, out=tmp_path / "x")


@sweep(
    ("env_id", "key"),
    [("MountainCar-v0", "environment.id is 'CartPole-v1'"), ("CartPole-v1", "expert.name is")],
)
def test_a_folder_with_another_dataset_is_named_by_what_tells_most(tmp_path, env_id, key):
    build("cartpole", episodes=1, out=tmp_path / "x")
    with pytest.raises(ExistsError, match=key):
        build("random", env={"id": env_id}, episodes=1, out=tmp_path / "x")


def older(out, **config):
    """The dataset of `start`, in the format of il-builder 0.1.0."""
    return build_older({**CORRIDOR, "out": str(out), **config})


def test_a_dataset_of_an_older_format_is_up_to_date(tmp_path):
    before = older(tmp_path / "x").manifest
    again = start(tmp_path / "x")
    assert (again.fresh, again.manifest) == (False, before)


@pytest.mark.slow
def test_a_dataset_of_an_older_format_grows_in_it(tmp_path):
    older(tmp_path / "x")
    grown, fresh = start(tmp_path / "x", episodes=25), older(tmp_path / "fresh", episodes=25)
    assert grown.manifest == fresh.manifest
    assert start(tmp_path / "y", episodes=25).manifest.files != grown.manifest.files


@pytest.mark.slow
def test_a_dataset_of_an_older_format_without_its_manifest_is_mended_in_it(tmp_path):
    before = older(tmp_path / "x").manifest
    (tmp_path / "x/manifest.json").unlink()
    assert start(tmp_path / "x").manifest == before


@pytest.mark.slow
def test_overwrite_gives_a_dataset_of_an_older_format_that_of_today(tmp_path):
    older(tmp_path / "x")
    chunk_files = chunks(tmp_path / "x")
    start(tmp_path / "x")  # which notes that it is up to date
    renewed = start(tmp_path / "x", overwrite=True)
    assert renewed.fresh
    assert chunks(tmp_path / "x") == chunk_files
    assert data_format_of(renewed.manifest.inputs) == DATA_FORMAT
    assert renewed.manifest == start(tmp_path / "y").manifest


def test_another_dataset_of_an_older_format_is_named_by_what_differs(tmp_path):
    older(tmp_path / "x")
    with pytest.raises(ExistsError, match=r"its config\.seed is 0; expected 1"):
        start(tmp_path / "x", seed=1)
