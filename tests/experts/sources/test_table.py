"""Every source of experts keeps the contract, and nobody else knows sources by their names."""

import dataclasses
import re
import shutil

import cleanrl_models
import onnx_models
import pytest
import yaml
from places import PACKAGE, ROOT
from sweeps import sweep
from weights_folders import two_layers

from builder.composition import build_config
from builder.config import ExpertConfig
from builder.errors import ConfigError
from builder.experts.policy import BUNDLED, Experts, Policy
from builder.experts.sources.load import files_of, load_expert
from builder.experts.sources.portable import save_portable
from builder.experts.sources.registered import DEFAULT_ROLLOUT, policy_expert
from builder.experts.sources.source import ARCHIVE, STATISTICS
from builder.experts.sources.table import SOURCES, described_source, source_named

CONF = ROOT / "conf" / "expert"


class Right:
    def predict(self, obs, state=None, deterministic=True):
        return 1, state


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """The configuration of one expert of each source that needs no network."""
    archive = tmp_path_factory.mktemp("local") / "agent.zip"
    shutil.copy(BUNDLED / "cartpole.zip", archive)
    folder = two_layers(tmp_path_factory.mktemp("weights"))
    exported = onnx_models.two_layers(archive.with_name("policy.onnx"))[1]
    local = ["expert=local", "expert.name=mine", f"expert.path={archive}"]
    model = archive.with_name("dqn.cleanrl_model")
    model.write_bytes(cleanrl_models.saved("dqn")[1])
    overrides = {
        "bundled": ["expert=cartpole"],
        "sample-factory": ["expert=sample-factory", f"expert.path={ROOT / 'tests/factory_files/vector'}"],
        "cleanrl": ["expert=cleanrl", f"expert.path={model}"],
        "local": local,
        "python": ["expert=python", "expert.target=mine:make", "expert.version=3", "expert.batched=true"],
        "random": ["expert=random", "expert.name=noise"],
        "onnx": ["expert=onnx", "expert.name=exported", f"expert.path={exported}"],
        "weights": ["expert=weights", "expert.name=theirs", f"expert.path={folder}"],
        "registered": ["expert=registered", "expert.name=right"],
    }
    Experts.register("right", Policy("CartPole-v1", policy=Right))
    yield {name: build_config(words).expert for name, words in overrides.items()}
    del Experts._registered["right"]


def test_a_source_goes_by_its_name_and_has_a_group_of_its_own_name_or_bundled_ones():
    assert all(name == source.name for name, source in SOURCES.items())
    assert {yaml.safe_load(path.read_text()).get("source") for path in CONF.glob("*.yaml")} == {
        *SOURCES,
        "???",
    }


def test_an_expert_says_by_default_what_its_dataclass_says():
    base = yaml.safe_load((CONF / "base.yaml").read_text())
    defaults = dataclasses.asdict(ExpertConfig("???", "???"))
    assert {key: float(value) if key == "threshold" else value for key, value in base.items()} == defaults


@sweep("name", sorted({*SOURCES} - {"hub"}), quick=5)
def test_what_identifies_an_expert_configures_it_again(configured, name):
    config = configured[name]
    identity = load_expert(config, DEFAULT_ROLLOUT).identity
    rebuilt = described_source(identity).rebuilt(identity)
    if name == "registered":
        assert (identity["source"], rebuilt) == ("python", None)
        return
    base = build_config([f"expert={rebuilt.group}"]).expert
    given = {"path": config.path} if rebuilt.missing else {}
    again = dataclasses.replace(base, name=identity["name"], **rebuilt.values, **given)
    assert load_expert(again, DEFAULT_ROLLOUT).identity == identity


COMMIT = "ab" * 20
OWN = "td3-Hopper-v3.zip"
HUB = {"source": "hub", "sha256": "cd" * 32, "commit": COMMIT}


@pytest.mark.parametrize(
    ("identity", "group", "values"),
    [
        ({"name": "mine", "repo_id": "me/x", "filename": "a.zip"}, "hub", {"repo_id", "filename"}),
        (
            {"name": "hopper", "repo_id": "sb3/td3-Hopper-v3", "filename": "td3-Hopper-v3.zip"},
            "hopper",
            set(),
        ),
        ({"name": "hopper", "repo_id": "sb3/td3-Hopper-v3", "filename": "b.zip"}, "hopper", {"filename"}),
        ({"name": "hopper", "repo_id": "me/x", "filename": "x.zip"}, "hub", {"repo_id", "filename"}),
        ({"name": "../x", "repo_id": "me/x", "filename": "x.zip"}, "hub", {"repo_id", "filename"}),
    ],
)
def test_an_expert_of_the_hub_is_configured_by_its_name_where_that_names_the_repository(
    identity, group, values
):
    rebuilt = described_source(HUB).rebuilt({**identity, **HUB})
    assert (rebuilt.group, set(rebuilt.values)) == (group, {"revision", "sha256", *values})
    assert rebuilt.values["revision"] == COMMIT


@pytest.mark.parametrize("name", ["../../data/theirs/evil", "python", "hopper", "", "nobody"])
def test_a_bundled_expert_is_one_of_those_that_are_bundled(name):
    assert SOURCES["bundled"].rebuilt({"name": name, "source": "bundled", "sha256": "ab" * 32}) is None


def test_a_local_archive_is_for_the_user_to_find():
    rebuilt = SOURCES["local"].rebuilt({"name": "x", "source": "local", "sha256": "ab" * 32})
    assert (rebuilt.values, rebuilt.missing) == ({"sha256": "ab" * 32}, {"path": ARCHIVE})


def test_the_algorithm_is_configured_only_where_the_archive_does_not_say_it():
    read = {"name": "x", "source": "local", "algo": "PPO", "sha256": "ab" * 32}
    assert "algo" not in SOURCES["local"].rebuilt(read).values
    loaded = {**read, "trust_remote_code": True}
    assert SOURCES["local"].rebuilt(loaded).values == {
        "trust_remote_code": True,
        "algo": "PPO",
        "sha256": "ab" * 32,
    }


def test_files_decide_an_expert_in_files_and_nothing_a_random_one(configured):
    assert files_of(configured["bundled"]) == [BUNDLED / "cartpole.zip"]
    assert [path.name for path in files_of(configured["local"])] == ["agent.zip"]
    assert files_of(configured["random"]) == []
    assert files_of(configured["python"]) is None
    assert files_of(configured["registered"]) is None


def test_what_would_run_is_said_before_it_does(configured):
    assert SOURCES["python"].runs(configured["python"]) == ["the expert mine:make"]
    trusted = dataclasses.replace(configured["local"], trust_remote_code=True)
    for name in ("local", "hub"):
        assert SOURCES[name].runs(configured["local"]) == []
        assert SOURCES[name].runs(trusted) == ["what the archive of mine carries"]
    assert SOURCES["random"].runs(configured["random"]) == []


def test_a_source_that_a_manifest_invents_is_quoted_and_cannot_be_built_with():
    source = described_source({"source": "**bold**"})
    identity = {"source": "**bold**", "name": "x"}
    assert source.origin(identity, repr) == "'**bold**'"
    assert source.rebuilt(identity) is None
    assert source.why_not(identity, repr) == "Its expert 'x' is none that this version could find again."
    with pytest.raises(ConfigError) as caught:
        source_named("**bold**")
    assert str(caught.value).startswith(f"expert.source is unknown; expected {' or '.join(SOURCES)}; got")


def test_nobody_but_the_sources_compares_the_name_of_one():
    compared = re.compile(r"""source["']?\]?\)? (==|!=|in|not in) ["'({\[A-Z]""")
    outside = [
        path for path in sorted(PACKAGE.rglob("*.py")) if "sources" not in path.relative_to(PACKAGE).parts
    ]
    found = [path for path in outside if compared.search(path.read_text())]
    assert found == []


@sweep("name", ["bundled", "cleanrl", "onnx", "python", "random", "registered", "weights"], quick=3)
@pytest.mark.parametrize(("key", "value"), [("vec_normalize", "none"), ("frame_stack", 4)])
def test_what_surrounds_an_archive_is_not_said_of_what_is_none(configured, name, key, value):
    config = dataclasses.replace(configured[name], **{key: value})
    with pytest.raises(ConfigError, match=rf"expert\.{key} is said of an archive of one's own"):
        load_expert(config, DEFAULT_ROLLOUT)


def test_what_was_said_of_an_archives_surroundings_identifies_and_configures_it(configured):
    plain = load_expert(configured["local"], DEFAULT_ROLLOUT).identity
    assert not {"vec_normalize", "frame_stack"} & set(plain)
    config = dataclasses.replace(configured["local"], vec_normalize="none", frame_stack=4)
    identity = load_expert(config, DEFAULT_ROLLOUT).identity
    assert (identity["vec_normalize"], identity["frame_stack"]) == ("none", 4)
    assert identity["sees"]["frame_stack"] == 4
    rebuilt = described_source(identity).rebuilt(identity)
    assert (rebuilt.values["vec_normalize"], rebuilt.values["frame_stack"]) == ("none", 4)


def test_the_place_of_statistics_is_for_the_user_to_find():
    identity = {"name": "x", "source": "local", "sha256": "ab" * 32, "vec_normalize": "../../mine.pkl"}
    rebuilt = SOURCES["local"].rebuilt(identity)
    assert rebuilt.missing == {"path": ARCHIVE, "vec_normalize": STATISTICS}


def test_a_policy_says_what_surrounds_its_archive(configured):
    path = configured["local"].path
    expert = policy_expert("mine", Policy("CartPole-v1", path=path, vec_normalize="none", frame_stack=2))
    assert (expert.identity["vec_normalize"], expert.identity["frame_stack"]) == ("none", 2)
    Experts.register("stacked", Policy("CartPole-v1", path=path))
    config = build_config(["expert=registered", "expert.name=stacked", "expert.frame_stack=3"]).expert
    assert load_expert(config, DEFAULT_ROLLOUT).identity["frame_stack"] == 3
    del Experts._registered["stacked"]


@pytest.mark.parametrize(("key", "value"), [("vec_normalize", "none"), ("frame_stack", 4)])
def test_an_expert_that_was_kept_keeps_what_surrounds_it(configured, tmp_path, key, value):
    kept = load_expert(configured["bundled"], DEFAULT_ROLLOUT).trained.portable()
    save_portable(kept, tmp_path / "kept")
    config = dataclasses.replace(configured["local"], path=str(tmp_path / "kept"), **{key: value})
    with pytest.raises(ConfigError, match=rf"expert\.{key} cannot change an expert that was kept as data"):
        load_expert(config, DEFAULT_ROLLOUT)


def test_statistics_of_any_name_and_place_are_among_the_files_that_decide_an_expert(configured, tmp_path):
    head = b"\x80\x04\x95\x8c.stable_baselines3.common.vec_env.vec_normalize\x94\x8c\x0cVecNormalize\x94"
    (tmp_path / "stats.pkl").write_bytes(head)
    archive, elsewhere = shutil.copy(configured["local"].path, tmp_path), tmp_path / "elsewhere.pickle"
    config = dataclasses.replace(configured["local"], path=archive, vec_normalize=str(elsewhere))
    names = [path.name for path in files_of(config)]
    assert names == ["agent.zip", "elsewhere.pickle", "stats.pkl"]
