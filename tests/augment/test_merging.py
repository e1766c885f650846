"""Several datasets become one: every value, and where it is from."""

import json
import shutil

import h5py
import hub_clients
import kinds
import numpy as np
import pytest
from folders import files, same
from hub_cases import REPOSITORY
from sweeps import sweep
from verification import EPISODES, STEPS, check, failure, rewrite

from builder import build, load, merge, relabel
from builder.card import keep_reference
from builder.cli.main import main
from builder.errors import BuilderError, ConfigError, DatasetError, ExistsError
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_
from builder.loading.subsets import drawn
from builder.manifest.manifest import read_manifest
from builder.manifest.scores import ReferenceScores


def name(folder):
    return read_manifest(folder).fingerprint[:12]


def episodes_of(folder, split="train"):
    return load(folder, split=split).episode_table.to_dict()


@sweep("kind", kinds.KINDS)
def test_a_part_of_every_kind_comes_through_bit_for_bit(dataset_of, merged, kind):
    out = merged(dataset_of(kind)).out
    for split in ("train", "test"):
        before, after = load(dataset_of(kind), split=split), load(out, split=split)
        numbered = ("episode_index",)
        assert same(
            *(
                {key: found for key, found in one.arrays().items() if key not in numbered}
                for one in (before, after)
            )
        )
        for one, other in zip(before, after, strict=True):
            assert repr(one) == repr(other)
    check(out).raise_for_difference()


def test_a_part_without_test_is_byte_for_byte_in_the_merged_files(cartpole_of, merged):
    assert files(merged(cartpole_of()).out)[STEPS] == files(cartpole_of())[STEPS]


def test_episodes_follow_each_other_numbered_anew(cartpole_of, merged):
    one, two = cartpole_of(), cartpole_of(seed=1)
    out = merged(one, two).out
    both = load(one).concat(load(two))
    assert same(load(out).arrays(), both.arrays())
    found, expected = load(out).episode_table.to_dict(), both.episode_table.to_dict()
    assert found.pop("source") == [name(one)] * 4 + [name(two)] * 4
    assert found.pop("quality") == ["random"] * 8
    assert found == expected


def test_each_episode_stays_in_its_split(cartpole_of, merged):
    split, plain = cartpole_of("split", 8), cartpole_of()
    out = merged(split, plain).out
    assert {key: value.episodes for key, value in read_manifest(out).splits.items()} == {
        "train": 10,
        "test": 2,
    }
    assert load(out, split="test").arrays()["reward"].tolist() == load(split, split="test")["reward"].tolist()
    numbers = [
        *load(out).episode_table["episode_index"],
        *load(out, split="test").episode_table["episode_index"],
    ]
    assert sorted(numbers) == list(range(12))


def test_a_share_of_a_part_is_what_load_draws(cartpole_of, merged):
    folder = cartpole_of("split", 8)
    out = merged(f"{folder}@0.5", seed=3).out
    for split in ("train", "test"):
        expected = load(folder, split=split, episodes=0.5, seed=3)
        assert load(out, split=split)["reward"].tolist() == expected["reward"].tolist()
        assert load(out, split=split).episode_table["seed"] == expected.episode_table["seed"][:]


def test_a_number_of_episodes_is_drawn_of_each_split(cartpole_of, merged):
    folder = cartpole_of("split", 8)
    splits = read_manifest(merged(f"{folder}@3").out).splits
    assert {key: value.episodes for key, value in splits.items()} == {"train": 3, "test": 2}
    with pytest.raises(ConfigError, match="has 6 episodes in its split 'train'"):
        merged(f"{folder}@7", out="more")


def test_the_same_parts_give_the_same_bytes_wherever_they_lie(cartpole_of, merged, tmp_path):
    one, two = cartpole_of("pixels", 3), cartpole_of("bare", 3, 1)
    moved = [shutil.copytree(folder, tmp_path / f"moved-{folder.name}") for folder in (one, two)]
    here, there = merged(one, f"{two}@0.5").out, merged(moved[0], f"{moved[1]}@0.5", out="there").out
    before, after = files(here), files(there)
    assert before.pop("provenance.json")
    assert after.pop("provenance.json")
    assert before == after
    assert str(tmp_path).encode() not in b"".join(before.values())


def test_a_column_that_a_part_lacks_is_null_there(cartpole_of, merged):
    drawn_, plain = cartpole_of("pixels", 3), cartpole_of()
    out = merged(drawn_, plain).out
    found = load(out)
    count = len(load(drawn_).transitions)
    assert found["pixels.valid"].tolist() == [True] * count + [False] * len(load(plain).transitions)
    assert np.array_equal(found["pixels"][:count], load(drawn_)["pixels"])
    assert found.transitions[count]["pixels"] is None
    assert found.episode_table[3]["final_pixels"] is None
    assert "`pixels` is null for the episodes of" in (out / "README.md").read_text()


def test_next_observations_that_a_part_does_not_store_are_computed(cartpole_of, merged):
    stored, bare = cartpole_of(), cartpole_of("bare", 4, 1)
    found = load(merged(stored, bare).out)
    assert found["next_observation"].tolist() == [
        *load(stored)["next_observation"].tolist(),
        *load(bare)["next_observation"].tolist(),
    ]
    assert "next_observation" not in load(merged(bare, cartpole_of("bare", 3, 2), out="b").out).column_names()


def test_the_users_word_goes_before_what_a_source_says(cartpole_of, merged):
    out = merged({"path": str(cartpole_of()), "quality": "poor"}, cartpole_of(seed=1)).out
    assert load(out).episode_table["quality"][:] == ["poor"] * 4 + ["random"] * 4


def test_quality_is_null_where_nobody_says_it_and_no_column_where_nobody_does(merged, two_cloned):
    one, two = two_cloned
    assert "quality" not in load(merged(one, two).out).episode_table.column_names
    out = merged({"path": str(one), "quality": "a"}, two, out="labelled").out
    assert load(out).episode_table["quality"][:] == ["a", "a", None, None]
    check(out).raise_for_difference()


@pytest.fixture(scope="module")
def two_cloned(tmp_path_factory):
    """Two datasets of a bundled expert."""
    made = []
    for seed in (0, 1):
        out = tmp_path_factory.mktemp("cloned") / "x"
        env = {"id": "CartPole-v1", "max_episode_steps": 8}
        more = {"expert.check": "off", "threshold": 0, "seed": seed}
        build(expert="cartpole", env=env, episodes=2, out=str(out), **more)
        made.append(out)
    return made


def test_a_merged_dataset_is_a_part_and_keeps_its_sources(cartpole_of, merged):
    drawn_, plain, more = cartpole_of("pixels", 3), cartpole_of(), cartpole_of(seed=1)
    inner = merged({"path": str(drawn_), "quality": "a"}, plain, out="inner").out
    out = merged(inner, more).out
    table = load(out).episode_table
    assert table["source"][:] == [name(drawn_)] * 3 + [name(plain)] * 4 + [name(more)] * 4
    assert table["quality"][:] == ["a"] * 3 + ["random"] * 8
    at_once = merged({"path": str(drawn_), "quality": "a"}, plain, more, out="flat").out
    assert [files(out)[path] for path in (STEPS, EPISODES)] == [
        files(at_once)[path] for path in (STEPS, EPISODES)
    ]


def test_other_spaces_are_refused_in_one_line(cartpole_of, dataset_of, merged):
    with pytest.raises(DatasetError, match="cannot be merged: their observation spaces differ") as caught:
        merged(cartpole_of(), dataset_of("dict"))
    assert "merge datasets of one environment" in str(caught.value)


def test_pictures_of_two_sizes_are_refused(cartpole_of, merged, tmp_path):
    env = {"id": "CartPole-v1", "max_episode_steps": 3}
    size = {"height": 4, "width": 4}
    build(expert="random", env=env, episodes=1, out=str(tmp_path / "x"), dataset={"pixels": size})
    with pytest.raises(DatasetError, match="their pictures differ"):
        merged(cartpole_of(), cartpole_of("pixels", 3), tmp_path / "x")


def test_a_damaged_part_is_refused_and_nothing_is_left(cartpole_of, merged, tmp_path):
    damaged = shutil.copytree(cartpole_of(seed=1), tmp_path / "damaged")
    content = bytearray((damaged / STEPS).read_bytes())
    content[100] ^= 1
    (damaged / STEPS).write_bytes(content)
    with pytest.raises(DatasetError, match="is not what the manifest says"):
        merged(cartpole_of(), damaged)
    assert not (tmp_path / "merged").exists()


def test_out_cannot_be_a_part(cartpole_of, merged, tmp_path):
    part = shutil.copytree(cartpole_of(), tmp_path / "part")
    with pytest.raises(ConfigError, match="out is the part"):
        merged(part, cartpole_of(seed=1), out="part")


def test_again_it_is_up_to_date(cartpole_of, merged):
    first = merged(cartpole_of(), cartpole_of(seed=1))
    again = merged(cartpole_of(), cartpole_of(seed=1))
    assert (first.fresh, again.fresh, again.manifest) == (True, False, first.manifest)


def test_another_merge_is_not_replaced_unless_that_is_wanted(cartpole_of, merged):
    merged(cartpole_of(), cartpole_of(seed=1))
    with pytest.raises(ExistsError, match="holds another dataset"):
        merged(cartpole_of(seed=1), cartpole_of())
    assert merged(cartpole_of(seed=1), cartpole_of(), overwrite=True).fresh


def test_a_part_that_has_grown_is_noticed_and_merged_again(cartpole_of, merged, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(cartpole_of(episodes=4), part)
    merged(part, cartpole_of(seed=1))
    shutil.rmtree(part)
    shutil.copytree(cartpole_of(episodes=6), part)
    again = merged(part, cartpole_of(seed=1))
    assert again.grown == (f"{part} has grown from 4 to 6 episodes",)
    assert (again.fresh, again.manifest.accepted) == (True, 10)


def test_parts_that_are_added_behind_the_others_are_growth(cartpole_of, merged):
    merged(cartpole_of())
    again = merged(cartpole_of(), cartpole_of(seed=1))
    assert again.grown == (f"{cartpole_of(seed=1)} is new, 4 episodes",)
    with pytest.raises(ExistsError, match="holds another dataset"):
        merged(cartpole_of())


def test_what_was_drawn_of_a_part_is_not_replaced_by_another_draw(cartpole_of, merged, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(cartpole_of(episodes=4), part)
    merged(f"{part}@0.5")
    shutil.rmtree(part)
    shutil.copytree(cartpole_of(episodes=6), part)
    with pytest.raises(ExistsError, match="had 2 episodes in it, and would have 3"):
        merged(f"{part}@0.5")


def test_a_part_that_is_another_dataset_now_is_named(cartpole_of, merged, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(cartpole_of(), part)
    merged(part)
    shutil.rmtree(part)
    shutil.copytree(cartpole_of(episodes=6, seed=1), part)
    with pytest.raises(ExistsError, match=f"{part} is not the dataset that it was made of"):
        merged(part)


def test_notes_of_a_card_survive(cartpole_of, merged):
    out = merged(cartpole_of()).out
    with (out / "README.md").open("a") as card:
        card.write("\n## Notes\n\nMine.\n")
    merged(cartpole_of(), cartpole_of(seed=1))
    assert "## Notes\n\nMine." in (out / "README.md").read_text()


def test_it_proves_itself_and_is_stepped_again(cartpole_of, merged):
    out = merged(cartpole_of("pixels", 3), cartpole_of(), cartpole_of("split", 8)).out
    report = check(out)
    report.raise_for_difference()
    assert report.checks[-1].compared.startswith("15 of 15 episodes")


def test_parts_of_several_environments_are_not_stepped_again(cartpole_of, merged, tmp_path):
    env = {"id": "CartPole-v1", "max_episode_steps": 5}
    build(expert="random", env=env, episodes=2, out=str(tmp_path / "x"))
    out = merged(cartpole_of(), tmp_path / "x").out
    check(out, "auto").raise_for_difference()
    report = check(out, "replay")
    assert "its parts are not of one environment" in report.checks[-1].compared
    with pytest.raises(BuilderError, match="verify each of them"):
        report.raise_for_difference()


def test_a_value_where_a_source_has_none_is_found(cartpole_of, merged):
    out = merged(cartpole_of("pixels", 3), cartpole_of()).out

    def change(columns):
        columns["pixels"][-1] = columns["pixels"][0]

    rewrite(out, STEPS, change)
    title, difference = failure(out)
    assert (title, difference.column, difference.what) == ("tables", "pixels", "its nulls")


def test_a_null_where_a_source_has_a_value_is_found(cartpole_of, merged):
    out = merged(cartpole_of("pixels", 3), cartpole_of()).out

    def change(columns):
        columns["pixels"][0] = None

    rewrite(out, STEPS, change)
    assert failure(out)[1].what == "its nulls"


def test_a_source_that_is_none_is_found(cartpole_of, merged):
    out = merged(cartpole_of(), cartpole_of(seed=1)).out

    def change(columns):
        columns["source"][0] = "0123456789ab"

    rewrite(out, EPISODES, change)
    assert (failure(out)[0], failure(out)[1].column) == ("tables", "source")


def test_nothing_of_a_part_is_trusted_beyond_its_spaces(merged, cartpole_of, tmp_path):
    """A manifest of another's merge is held against the schema as all others are."""
    out = merged(cartpole_of()).out
    content = json.loads((out / "manifest.json").read_text())
    content["inputs"]["merged"]["sources"][0]["name"] = "../x"
    (out / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="is not a manifest"):
        read_manifest(out)


def test_in_python_it_gives_what_load_gives(cartpole_of, tmp_path):
    dataset = merge([load(cartpole_of()), f"{cartpole_of(seed=1)}@0.5"], tmp_path / "c")
    assert len(dataset) == 4 + len(drawn(4, 0.5, 0))
    assert dataset.folder == tmp_path / "c"
    assert "random" in repr(dataset)


def test_on_the_command_line(cartpole_of, tmp_path, capsys):
    words = [
        f"parts=[{cartpole_of()}@0.5,{{path: {cartpole_of(seed=1)}, quality: bad}}]",
        f"out={tmp_path / 'c'}",
    ]
    assert main(["merge", *words]) == 0
    said = capsys.readouterr().out
    assert "merged: " in said
    assert "6 episodes" in said
    assert "load_dataset(" in said
    assert main(["merge", *words]) == 0
    assert "up to date: " in capsys.readouterr().out
    assert main(["merge", words[0], f"out={cartpole_of()}"]) == 2


@pytest.fixture(scope="module")
def imports(tmp_path_factory):
    """Two imported datasets; the second says nothing of rewards and final observations."""
    root = tmp_path_factory.mktemp("imports")
    made = []
    for seed, without in enumerate(((), ("rewards", "next_observations"))):
        rng = np.random.default_rng(seed)
        following = rng.normal(size=(7, 3)).astype("f4")
        arrays = {
            "observations": np.roll(following, 1, axis=0),
            "actions": rng.normal(size=(7, 1)).astype("f4"),
            "rewards": rng.normal(size=7).astype("f4"),
            "next_observations": following,
            "terminals": np.array([0, 0, 1, 0, 0, 0, 0], bool),
            "timeouts": np.array([0, 0, 0, 0, 0, 0, 1], bool),
        }
        with h5py.File(root / f"{seed}.hdf5", "w") as file:
            for key in arrays.keys() - {*without}:
                file[key] = arrays[key]
        made.append(import_(ImportRequest("d4rl", root / f"{seed}.hdf5"), root / str(seed)).out)
    return made


def test_what_a_source_does_not_say_is_a_column_of_those_views_alone_that_have_it(imports, merged):
    says, silent = imports
    whole = load(merged(says, silent).out)
    assert {"reward", "next_observation"} & {*whole.column_names()} == set()
    view = whole.filter(lambda episode: episode["source"] == name(says))
    expected = load(says).arrays()
    assert same(view.arrays(), expected)
    shuffled = [batch["reward"].numpy() for batch in view.batches(2, seed=0, memory=1)]
    assert sorted(np.concatenate(shuffled).tolist()) == sorted(expected["reward"].tolist())
    for shape in ({"n_step": 2, "gamma": 0.9}, {"window": 2, "pad": "left"}):
        assert "next_observation" in next(iter(view.batches(3, **shape)))


def test_asked_for_where_it_is_not_said_it_is_refused_in_one_line(imports, merged):
    whole = load(merged(*imports).out)
    for ask in (
        lambda: whole["reward"],
        lambda: whole.batches(2, columns=["reward"]),
        lambda: whole.to_torch(["reward"]),
    ):
        with pytest.raises(ConfigError, match="do not say 'reward'"):
            ask()
    with pytest.raises(ConfigError, match="does not say reward, final_observation"):
        whole.to_sb3()


def test_an_episode_whose_source_does_not_say_has_nan(imports, merged):
    whole = load(merged(*imports).out)
    assert np.isnan(whole[-1].rewards).all()
    assert np.isnan(whole[-1].observations[-1]).all()
    assert not np.isnan(whole[0].rewards).any()


def test_it_proves_itself_whatever_its_sources_do_not_say(imports, merged):
    out = merged(*imports).out
    check(out, "auto").raise_for_difference()
    card = (out / "README.md").read_text()
    assert "| return: mean ± standard deviation | not known |" in card
    assert "No part says `seed`" in card


def test_exports_take_what_all_episodes_have_and_name_the_rest(imports, merged, cartpole_of, tmp_path):
    out = merged(*imports).out
    with pytest.raises(ConfigError, match="needs final_observation, reward"):
        export(out, ExportRequest("d4rl", tmp_path / "x.hdf5"))
    losses = export(out, ExportRequest("csv", tmp_path / "x.csv")).losses
    assert {"source", "next_observation"} <= {loss.what for loss in losses}
    pictured = merged(cartpole_of("pixels", 3), cartpole_of(), out="pictured").out
    losses = export(pictured, ExportRequest("minari", tmp_path / "minari/x/y-v0")).losses
    assert {"source", "quality", "pixels"} <= {loss.what for loss in losses}


def test_a_film_is_of_an_episode_whose_source_says_enough(imports, merged, capsys):
    out = merged(*imports).out
    assert main(["render", str(out), "episode=0", "to=png"]) == 1
    assert "a part of this merged dataset does not say seeds" in capsys.readouterr().err


def test_what_a_build_declares_of_its_own_is_null_for_the_others(merged, tmp_path):
    env = {"id": "FrozenLake-v1", "max_episode_steps": 5}
    build(expert="random", env=env, episodes=3, out=str(tmp_path / "a"), dataset={"info": ["prob"]})
    build(expert="random", env=env, episodes=3, seed=1, out=str(tmp_path / "b"))
    out = merged(tmp_path / "a", tmp_path / "b").out
    found, had = load(out), load(tmp_path / "a")
    steps = len(had.transitions)
    assert found["info.prob.valid"].tolist() == [True] * steps + [False] * (len(found.transitions) - steps)
    assert found["info.prob"][:steps].tolist() == had["info.prob"].tolist()
    check(out).raise_for_difference()


def test_labels_of_parts_are_merged_and_a_merged_dataset_is_told_so(cartpole_of, merged, tmp_path):
    labelled = relabel(cartpole_of(), "cartpole", to=tmp_path / "labelled").folder
    out = merged(labelled, cartpole_of(seed=1)).out
    found, had = load(out), load(labelled)
    steps = len(had.transitions)
    assert found["expert_action"][:steps].tolist() == had["expert_action"].tolist()
    assert found["expert_action.valid"].tolist() == [True] * steps + [False] * (
        len(found.transitions) - steps
    )
    check(out).raise_for_difference()
    with pytest.raises(DatasetError, match="relabel its parts, and merge what comes of it"):
        relabel(out, "cartpole", to=tmp_path / "c")


def test_reference_scores_that_all_parts_keep_are_those_of_the_whole(cartpole_of, merged, tmp_path):
    kept = [shutil.copytree(cartpole_of(seed=seed), tmp_path / str(seed)) for seed in (0, 1)]
    scores = ReferenceScores(7.0, 9.0, "a test")
    keep_reference(kept[0], scores)
    assert read_manifest(merged(*kept, out="some").out).reference is None
    keep_reference(kept[1], scores)
    whole = merged(*kept, out="all").out
    assert read_manifest(whole).reference == scores
    assert len(load(whole).normalized_returns) == 8
    assert "*Normalised*" in (whole / "README.md").read_text()
    check(whole).raise_for_difference()


def test_a_repository_is_a_part_and_what_comes_of_it_is_one_too(hub, clients, cartpole_of, tmp_path):
    clients(hub_clients.push, cartpole_of("pixels", 3), REPOSITORY)
    parts = clients(hub_clients.merge, [f"{REPOSITORY}@0.5", str(cartpole_of())], tmp_path / "c")
    assert [part.get("repo_id") for part in parts] == [REPOSITORY, None]
    local = merge([f"{cartpole_of('pixels', 3)}@0.5", cartpole_of()], tmp_path / "d").folder
    assert [files(tmp_path / "c")[path] for path in (STEPS, EPISODES)] == [
        files(local)[path] for path in (STEPS, EPISODES)
    ]
    clients(hub_clients.push, tmp_path / "c", "user/merged")
    clients(hub_clients.pull, "user/merged", tmp_path / "back")
    assert files(tmp_path / "back") == files(tmp_path / "c")
    check(tmp_path / "back").raise_for_difference()


def test_for_imitation_labels_stand_where_there_are_some_and_else_what_was_done(
    cartpole_of, merged, tmp_path
):
    """Never zeros in the place of labels that a part does not have."""
    labelled = relabel(cartpole_of(), "cartpole", to=tmp_path / "labelled")
    plain = load(cartpole_of(seed=1))
    out = merged(labelled.folder, plain.folder).out
    expected = [*labelled["expert_action"].tolist(), *plain["action"].tolist()]
    assert expected != load(out)["action"].tolist()
    taken = [action for episode in load(out)._labelled() for action in episode.actions.tolist()]
    assert taken == expected
    for name, column in (("robomimic", expected), ("d4rl", load(out)["action"].tolist())):
        path = export(out, ExportRequest(name, tmp_path / f"{name}.hdf5")).path
        with h5py.File(path) as file:
            groups = [file["data"][key] for key in file["data"]] if name == "robomimic" else [file]
            found = [value for group in groups for value in np.ravel(group["actions"][()]).tolist()]
        assert found == column


def test_copies_of_several_parts_may_be_on_both_sides_and_the_card_says_so(cartpole_of, merged):
    out = merged(cartpole_of("split", 8), cartpole_of(episodes=8)).out
    assert "8 episodes of 16 repeat an earlier one" in (out / "README.md").read_text()
    assert "Copies may be on both sides of the split." in (out / "README.md").read_text()
