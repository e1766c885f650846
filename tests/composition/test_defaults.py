"""The files of conf/, and Hydra, which reads them and leaves nothing behind."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from sweeps import case, sweep

from builder.composition import build_config, expand_sweep
from builder.composition.defaults import composed
from builder.errors import ConfigError
from builder.experts.policy import conf_folder
from builder.experts.sources.table import SOURCES

CONF = sorted(conf_folder().rglob("*.yaml"))


EXPERTS = [path for path in CONF if path.parent.name == "expert" and path.stem != "base"]


def test_an_experts_file_says_what_every_expert_may_say():
    known = yaml.safe_load((conf_folder() / "expert" / "base.yaml").read_text()).keys()
    for path in EXPERTS:
        with case(path.stem):
            content = yaml.safe_load(path.read_text())
            assert content.pop("defaults") == ["base", "_self_"]
            assert content.keys() <= known
            assert content["source"] in SOURCES
            assert content.get("name") == (None if content["source"] == "registered" else path.stem)


def test_every_file_of_the_configuration_says_what_it_is():
    assert [path.name for path in CONF if not path.read_text().startswith("# ")] == []


def test_two_configurations_of_the_same_choices_share_nothing():
    first = build_config({"expert": "cartpole", "env.kwargs": {"a": 1}, "episodes": 3})
    second = build_config({"expert": "cartpole"})
    assert (second.env.kwargs, second.episodes) == ({}, 100)
    assert first.env.kwargs == {"a": 1}


def test_composing_leaves_a_program_that_uses_hydra_itself_as_it_was(tmp_path):
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.version import getbase

    (tmp_path / "own.yaml").write_text("answer: 42\n")
    with initialize_config_dir(config_dir=str(tmp_path), version_base="1.2"):
        assert build_config(["episodes=3"]).episodes == 3
        with pytest.raises(ConfigError):
            build_config(["episode=3"])
        assert hydra_compose("own") == {"answer": 42}
        assert str(getbase()) == "1.2"


def test_composing_changes_neither_the_folder_nor_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_config(["episodes=3"])
    list(expand_sweep(["seed=0,1"]))
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []


@sweep(
    "overrides",
    [
        ["episodes=3", "expert=random", "env.id=CartPole-v1", "episodes=4"],
        ["++env.kwargs.a.b=[1,{c: x}]", "++env.kwargs={d: 2}", "++env.kwargs.a=null"],
        ["out='${oc.env:HOME}/${expert.name}'", "dataset.license=", "threshold=-1e3"],
        ["+env.kwargs.a=1", "~dataset.test_fraction", "seed=7"],
        ["rollout.lanes='8'", "parallel=threading", "parallel.n_jobs=2"],
    ],
    ids=["values", "any key", "references", "added and left out", "groups"],
    quick=2,
)
def test_what_is_composed_is_what_hydra_composes(overrides):
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(config_dir=str(conf_folder()), version_base="1.3"):
        theirs = hydra_compose("build", overrides=overrides)
    ours = composed("build", overrides)
    assert OmegaConf.to_yaml(ours) == OmegaConf.to_yaml(theirs)
    assert OmegaConf.is_struct(ours)


@sweep("group", ["rollout", "env", "hub"])
@pytest.mark.parametrize("value", ["[1,2]", "[null]", "[[a]]"])
def test_a_group_that_is_no_name_is_refused(group, value):
    with pytest.raises(ConfigError):
        build_config([f"{group}={value}"])


def test_a_verb_that_needs_an_expert_says_how_to_name_one():
    with pytest.raises(
        ConfigError, match=r"^relabel needs expert=; add expert=NAME, e\.g\. expert=cartpole, or"
    ):
        composed("relabel", ["out=x", "to=y"])


@pytest.mark.parametrize("given", [["dataset.teacher=value"], {"dataset.teacher": "value"}])
def test_one_word_is_a_list_of_what_the_teacher_is_asked(given):
    given = [*given, "expert=cartpole"] if isinstance(given, list) else {**given, "expert": "cartpole"}
    assert build_config(given).dataset.teacher == ["value"]


def test_a_word_that_no_teacher_knows_is_refused_with_those_that_it_does():
    with pytest.raises(ConfigError, match=r"dataset\.teacher is unknown; expected log_prob or .*; got 'all'"):
        build_config(["expert=cartpole", "dataset.teacher=all"])
