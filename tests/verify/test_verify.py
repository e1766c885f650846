"""Verification names the first thing that is not what the manifest says."""

import dataclasses
import json
import logging
import shutil
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder import Controller
from builder.card import CARD, write_card
from builder.config import HubConfig, ParallelConfig, TrustConfig, VerifyConfig
from builder.errors import ConfigError, DatasetError, VerificationError
from builder.manifest.identity import identity
from builder.manifest.manifest import NAME, read_manifest, seal
from builder.manifest.provenance import cpu_level, write_provenance
from builder.replay import replay
from builder.verify import verify
from builder.verify.files import check_manifest

STEPS = "data/train-00000-of-00001.parquet"
EPISODES = "episodes/train-00000-of-00001.parquet"


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    out = tmp_path_factory.mktemp("verified") / "x"
    Controller().start({"expert": "random", "env.id": "Acrobot-v1", "episodes": 6, "out": str(out)})
    return out


@pytest.fixture
def folder(_built, tmp_path):
    return Path(shutil.copytree(_built, tmp_path / "x"))


def check(folder, level="replay", **config):
    config = {"sample": 1.0, "expert": TrustConfig(), "hub": HubConfig(), **config}
    return verify(
        VerifyConfig(
            out=folder, level=level, parallel=ParallelConfig(backend="threading", n_jobs=1), **config
        )
    )


def failure(folder, level="replay", **config):
    """The name of the check that fails, and the difference that it names."""
    report = check(folder, level, **config)
    assert [item.passed for item in report.checks[:-1]] == [True] * (len(report.checks) - 1)
    with pytest.raises(VerificationError):
        report.raise_for_difference()
    return report.checks[-1].name, report.checks[-1].difference


def rewrite(folder, path, change):
    """Change a table and make everything that is computed from it fit again, as a forger would."""
    table = pq.read_table(folder / path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    change(columns)
    changed = pa.table({name: pa.array(columns[name], table.schema.field(name).type) for name in columns})
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), folder / path)
    seal(read_manifest(folder), folder)
    write_card(folder)


@pytest.mark.parametrize("level", ["files", "replay", "rebuild"])
def test_a_sound_dataset_passes(folder, level):
    report = check(folder, level)
    report.raise_for_difference()
    names = ["manifest", "files", "provenance", "tables", "card"]
    assert [item.name for item in report.checks] == [*names, *([] if level == "files" else [level])]
    assert report.notes == ()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["x"]


def test_one_bit_in_any_file_is_noticed_and_the_file_is_named(folder):
    random = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 6
    for path in files:
        sound = path.read_bytes()
        for _ in range(8):
            bit = int(random.integers(8 * len(sound)))
            spoiled = bytearray(sound)
            spoiled[bit // 8] ^= 1 << bit % 8
            path.write_bytes(spoiled)
            _, difference = failure(folder, "files")
            assert difference.file == path.relative_to(folder).as_posix(), (path, bit)
        path.write_bytes(sound)
    check(folder, "files").raise_for_difference()


@pytest.mark.parametrize("path", [STEPS, NAME, CARD, "assets/returns.png"])
def test_a_missing_file_is_named(folder, path):
    (folder / path).unlink()
    if path == NAME:
        with pytest.raises(VerificationError, match="it has no manifest"):
            check(folder).raise_for_difference()
        return
    assert failure(folder)[1].file == path


def test_a_folder_from_a_cache_of_dvc_has_no_provenance_and_the_table_says_so(folder):
    (folder / "provenance.json").unlink()
    report = check(folder, "files")
    report.raise_for_difference()
    said = {item.name: item.compared for item in report.checks}
    assert said["provenance"] == "there is none: the machine that built it is not described"


def test_a_file_that_nobody_listed_is_named(folder):
    (folder / "data" / "more.parquet").write_bytes(b"x")
    name, difference = failure(folder)
    assert (name, str(difference)) == ("files", "file data/more.parquet, not in the manifest")


def test_a_swapped_pair_of_rows_is_noticed_behind_hashes_that_fit(folder):
    def swap(columns):
        for column in columns.values():
            column[3], column[4] = column[4], column[3]

    rewrite(folder, STEPS, swap)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", STEPS, 0)
    assert (difference.step, difference.column) == (2, "next_observation")


def test_a_changed_seed_is_noticed_behind_hashes_that_fit(folder):
    def change(columns):
        columns["seed"][2] += 1

    rewrite(folder, EPISODES, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.column) == ("tables", 2, "seed")
    assert difference.got == difference.expected + 1


@pytest.mark.parametrize(
    ("column", "position", "value"),
    [("length", 1, 499), ("episode_return", 3, -1.0), ("row_start", 2, 7), ("attempt_index", 4, 0)],
)
def test_a_changed_line_of_the_episodes_is_noticed_behind_hashes_that_fit(folder, column, position, value):
    def change(columns):
        columns[column][position] = value

    rewrite(folder, EPISODES, change)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", EPISODES, position)


def test_a_wrong_action_is_found_by_replay_at_its_episode_and_step(folder):
    def change(columns):
        row = columns["episode_index"].index(3) + 7
        columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    check(folder, "files").raise_for_difference()
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode, difference.step) == ("replay", STEPS, 3, 7)
    assert difference.column == "next_observation"


def test_of_two_differences_the_first_is_named_whoever_finds_it(folder, monkeypatch):
    def change(columns):
        for episode in (1, 4):
            row = columns["episode_index"].index(episode)
            columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    monkeypatch.setattr(sys.modules["builder.replay.replay"], "STEPS_PER_TASK", 1)
    found = replay(folder, {"train": range(6)}, parallel=ParallelConfig(backend="threading", n_jobs=3))
    assert (found.difference.episode, found.difference.step) == (1, 0)


def test_a_changed_reward_is_found_by_replay(folder):
    def change(columns):
        first = columns["episode_index"].index(5)
        columns["reward"][first], columns["reward"][first + 1] = -0.5, -1.5

    rewrite(folder, STEPS, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.step, difference.column) == ("replay", 5, 0, "reward")
    assert (difference.expected, difference.got) == ("-1.0", "-0.5")


def test_a_sample_is_a_share_of_the_episodes(folder):
    report = check(folder, sample=0.5)
    assert report.checks[-1].compared.startswith("3 of 6 episodes")


def edited(folder, change):
    content = json.loads((folder / NAME).read_text())
    change(content)
    (folder / NAME).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return check_manifest(folder).difference


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["inputs"]["config"].update(seed=1),
        lambda content: content["files"][STEPS].update(size=1),
        lambda content: content.update(attempts=7),
        lambda content: content.update(fingerprint="0" * 64),
        lambda content: content["splits"]["train"].update(rows=5),
    ],
)
def test_an_edited_manifest_is_noticed(folder, change):
    assert "sha256 is not that of its content" in str(edited(folder, change))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda content: content.pop("identity"), "identity"),
        (lambda content: content.update(extra=1), "extra"),
        (lambda content: content["files"].update({"../x": {"sha256": "0" * 64, "size": 1}}), "../x"),
        (lambda content: content["inputs"].pop("packages"), "packages"),
        (lambda content: content.update(attempts="6"), "attempts"),
    ],
)
def test_a_manifest_that_is_none_is_refused_by_its_schema(folder, change, place):
    assert place in str(edited(folder, change))


def test_a_stated_identity_is_computed_again(folder):
    seal(dataclasses.replace(read_manifest(folder), identity="0" * 64), folder)
    assert "identity is not that of its content" in str(check_manifest(folder).difference)


def test_the_card_may_have_notes_and_name_a_repository_but_no_other_figures(folder):
    write_card(folder, repo_id="user/name", notes="Mine.")
    check(folder).raise_for_difference()
    card = (folder / CARD).read_text()
    (folder / CARD).write_text(card.replace("6 episodes", "7 episodes", 1))
    name, difference = failure(folder)
    assert (name, difference.file) == ("card", CARD)
    assert "6 episodes" in difference.expected
    assert "7 episodes" in difference.got


def test_other_package_versions_are_said_first(folder):
    manifest = read_manifest(folder)
    inputs = {**manifest.inputs, "packages": {**manifest.inputs["packages"], "numpy": "1.0"}}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    write_card(folder)
    report = check(folder)
    report.raise_for_difference()
    (note,) = report.notes
    assert note.startswith("other package versions: numpy ")
    assert note.endswith(" here, 1.0 in the manifest")
    (folder / "more.txt").touch()
    with pytest.raises(VerificationError, match="not in the manifest; note: other package versions"):
        check(folder).raise_for_difference()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"),
        ("NPY_DISABLE_CPU_FEATURES", "AVX512_ICL X86_V4 X86_V3"),
    ],
)
def test_what_is_not_promised_without_fma_is_said(folder, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    cpu_level.cache_clear()
    try:
        (note,) = check(folder, "files").notes
    finally:
        cpu_level.cache_clear()
    assert note.startswith("equal bytes of Acrobot-v1 are promised from x86-64-v3 on")


def test_what_a_strangers_manifest_names_is_not_imported(folder):
    manifest = read_manifest(folder)
    inputs = json.loads(json.dumps(manifest.inputs))
    inputs["environment"]["id"] = "surely_not_imported:Acrobot-v1"
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    write_card(folder)
    for level in ("replay", "rebuild"):
        with pytest.raises(DatasetError, match=r"surely_not_imported.*expert\.trust_remote_code=true"):
            check(folder, level)


def test_a_rebuild_names_what_the_expert_does_otherwise(folder):
    def change(columns):
        row = columns["episode_index"].index(2)
        columns["reward"][row : row + 2] = [-0.5, -1.5]

    rewrite(folder, STEPS, change)
    name, difference = failure(folder, "rebuild")
    assert (name, difference.file, difference.episode, difference.step) == ("rebuild", STEPS, 2, 0)
    assert (difference.column, difference.expected, difference.got) == ("reward", "-1.0", "-0.5")


def test_a_dataset_of_a_programs_own_functions_says_what_cannot_be_checked(tmp_path):
    def own(path, episodes):
        (Path(path) / "all.txt").write_text(str(len(episodes)))
        return True

    out = tmp_path / "own"
    Controller(collate=own).start(
        {"expert": "random", "env.id": "Acrobot-v1", "episodes": 2, "out": str(out)}
    )
    check(out, "files").raise_for_difference()
    with pytest.raises(VerificationError, match="replay cannot be checked"):
        check(out).raise_for_difference()


def test_verify_wants_one_dataset(folder):
    with pytest.raises(ConfigError, match=r"give out=FOLDER or hub\.repo_id"):
        verify(dataclasses.replace(_config(), out=None))
    with pytest.raises(ConfigError, match="two datasets"):
        verify(dataclasses.replace(_config(), hub=HubConfig(repo_id="user/name")))


def _config():
    parallel = ParallelConfig(backend="threading", n_jobs=1)
    return VerifyConfig(Path("x"), HubConfig(), "files", 1.0, parallel, TrustConfig())


class Forgetful(gym.Env):
    """Gives what nobody can repeat: numbers that go on counting from one object to the next."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)
    count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action):
        Forgetful.count += 1
        return np.array([float(Forgetful.count)]), 1.0, False, False, {}


def test_a_build_on_an_environment_that_does_not_repeat_itself_stops_before_its_end(tmp_path):
    gym.register("Forgetful-v0", entry_point=Forgetful, max_episode_steps=5)
    config = {"expert": "random", "env.id": "Forgetful-v0", "episodes": 3, "out": str(tmp_path / "x")}
    with pytest.raises(VerificationError, match="verify_sample=0 builds it nevertheless") as caught:
        Controller().start(config)
    assert "episode 0, step 0, column next_observation" in caught.value.what
    assert not (tmp_path / "x").exists()
    Controller().start({**config, "verify_sample": 0})
    with pytest.raises(VerificationError, match="fails replay"):
        check(tmp_path / "x").raise_for_difference()


def test_a_build_of_one_episode_steps_one_again(tmp_path, caplog):
    logging.getLogger("builder").propagate = True
    caplog.set_level("INFO")
    Controller().start({"expert": "cartpole", "episodes": 1, "out": str(tmp_path / "x")})
    assert "verified: 1 of 1 episodes stepped again" in caplog.text


def test_provenance_describes_the_machine_and_nothing_else_of_the_folder_does(folder, monkeypatch):
    monkeypatch.setenv("IL_BUILDER_IMAGE", "il-builder@sha256:0")
    write_provenance(folder)
    content = json.loads((folder / "provenance.json").read_text())
    assert content["image"] == "il-builder@sha256:0"
    assert {"blas", "cpu_level", "libc", "numpy_simd", "python", "python_build", "system"} <= set(content)
    check(folder).raise_for_difference()
