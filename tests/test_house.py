"""The house: few rooms, and tests that stand where the code stands."""

import re

from places import PACKAGE, ROOT

TESTS = ROOT / "tests"
FUNCTION = re.compile(r"^ *def \w+\(", re.MULTILINE)
STORIES = {
    "cli/test_odd_values": "whatever every key can be set to",
    "environments/test_atari_vector": "why ale-py's own vector environment is not used",
    "exchange/test_strangers": "files of strangers, imported and watched",
    "experts/archive/test_hostile_files": "every format of an expert's file, made to cost much",
    "experts/archive/test_mutated_files": "thousands of damaged archives and statistics, read to their end",
    "experts/test_atari_agents": "an agent on Atari, from its archive to its dataset",
    "fuzz/test_corpus": "files that the fuzzer found, read again",
    "hub/test_privacy": "the token, in whatever is written anywhere",
    "hub/test_publish_stage": "a stage of dvc.yaml",
    "hub/test_with_datasets": "what was pushed, read without us",
    "manifest/test_strangers": "forged manifests, and what becomes of them",
    "peers/test_baselines": "clones of peers, which play here as they do there",
    "peers/test_d3rlpy": "what d3rlpy's own reader finds in an export, and ours in its files",
    "peers/test_examples": "the examples that train with another library",
    "peers/test_flax": "CleanRL's models of JAX, saved by flax",
    "peers/test_recipes": "experts of other frameworks, by the recipes of docs/experts.md",
    "peers/test_sample_factory": "checkpoints that Sample Factory's learner saved",
    "peers/test_rllib": "RLlib, reading our files as they are",
    "peers/test_il_datasets": "likewise of the seed project, at its newest release",
    "peers/test_imitation": "likewise of imitation",
    "peers/test_lerobot": "likewise of LeRobot",
    "parallel/test_limits": "what is chosen where cores and memory are bounded",
    "peers/test_robomimic": "likewise of robomimic",
    "peers/test_minari": "Minari's own reader and writer",
    "peers/test_opening": "the line that an export ends with, in the environment of its library",
    "peers/test_ogbench": "likewise of OGBench",
    "pipeline/test_exits": "an expert or an environment that ends the program",
    "pipeline/test_expert_notes": "what readers of experts note, to log, manifest and card",
    "pipeline/test_masked_experts": "experts that choose among allowed actions",
    "pipeline/test_next_build": "the builds after the first in one program",
    "pipeline/test_own_enjoy": "a build by a user's own functions",
    "show/test_viewer": "the page, in a real browser",
    "verify/test_lies": "what each level of `verify` catches",
    "pipeline/test_pixels": "pictures of every step, from a build to their proof",
    "pipeline/test_references": "values that came through an environment variable",
    "test_baselines": "the table of `make baselines`",
    "test_bucket": "builds behind a URL",
    "test_container": "the image and its scripts",
    "test_decisions": "the comparison of `python -m benchmarks pixels frames=N`",
    "test_documentation": "the pages that are made from the code, and the site",
    "test_documents": "what the documents say of the code",
    "test_examples": "the examples",
    "test_exported_members": "what `import builder` offers",
    "test_fault_points": "every call that changes a disk, failed",
    "test_fingerprints": "the bytes of whole datasets",
    "test_hosts": "a cable pulled and a host lost in mid-build",
    "test_house": "this",
    "test_power_cut": "recorded writes, and a power cut after each",
    "test_private_interfaces": "what other packages keep to themselves",
    "test_readme": "what the README says can be typed",
    "test_rooms": "the contracts of import-linter",
    "test_scale": "the cluster that benchmarks/scale.py simulates",
    "test_snippets": "what the pages show, run",
    "test_stages": "dvc.yaml",
    "test_strangers": "forged datasets, watched",
    "test_tutorials": "the notebooks of the documentation, executed",
    "test_survival": "kills, full disks, other processors",
    "test_install": "what `make` shows of pip",
    "test_kept": "datasets that an older version has written",
}
"""Tests of no single module, and what they tell."""
ELSEWHERE = {
    "episodes/distinct": "dataset/test_distinct",
    "experts/foreign": "experts/test_predict_actor",
    "experts/matching": "pipeline/test_own_enjoy",
    "experts/network/network": "experts/archive/test_agent",
    "experts/sources/source": "experts/sources/test_table",
    "hub_client/download": "experts/sources/test_hub",
    "manifest/environment": "manifest/test_rebuild",
    "manifest/settings": "manifest/test_rebuild",
    "parallel/joblib_workers": "parallel/test_backends",
    "parallel/on_dask": "parallel/test_clusters",
    "parallel/on_ray": "parallel/test_clusters",
    "parallel/workers": "parallel/test_backends",
    "pipeline/manner": "rollout/test_manner",
    "storage/left_overs": "rollout/test_cleaning",
    "storage/tree": "storage/test_staging",
}
"""Modules without a test file of their own, and where they are tested; a new one is not added."""


def modules():
    """The modules that do something, as paths without their ending."""
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.stem != "__init__" and FUNCTION.search(path.read_text())
    }


def files():
    """The files of tests, likewise."""
    return {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}


def own_file(module):
    """Where the tests of a module stand."""
    room, slash, name = module.rpartition("/")
    return f"{room}{slash}test_{name}"


def test_every_test_file_has_its_module_or_tells_a_story():
    assert files() - {own_file(module) for module in modules()} == set(STORIES)


def test_every_module_has_its_test_file_or_says_where_it_is_tested():
    known = files()
    assert {module for module in modules() if own_file(module) not in known} == set(ELSEWHERE)


def test_where_a_module_is_said_to_be_tested_are_tests():
    assert set(ELSEWHERE.values()) <= files()


def test_those_tested_elsewhere_become_fewer():
    assert len(ELSEWHERE) <= 15


def test_the_rooms_can_be_counted():
    assert len(list(PACKAGE.glob("*.py"))) <= 10
    assert len(list(PACKAGE.glob("*/__init__.py"))) <= 22
