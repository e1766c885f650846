"""What can be said of the container without one; `docker/smoke.sh` runs it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from places import ROOT
from sweeps import case

from builder.manifest.command import docker_command
from builder.manifest.provenance import described_machine

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = sorted([*(ROOT / "docker").glob("*.sh"), ROOT / ".ci" / "container"])


def requirements(*arguments):
    return subprocess.run(
        [sys.executable, "docker/requirements.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_builder_can_build_it():
    assert not re.search(r"^\s*#\s*syntax\s*=|--mount|<<", DOCKERFILE, re.MULTILINE)


def test_every_stage_says_the_arguments_that_it_uses_since_only_buildkit_inherits_them():
    stages = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    slimmed = [stage for stage in stages if "sh slim.sh" in stage]
    assert len(slimmed) == 2
    assert all("ARG SOURCE_DATE_EPOCH=315532800\n" in stage for stage in slimmed)
    for stage in stages:
        used = set(re.findall(r"\$\{(\w+)", stage))
        assert used <= set(re.findall(r"^ARG (\w+)", stage, re.MULTILINE))


def test_what_is_copied_is_in_the_context():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word.removeprefix("./")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)


def test_the_packages_of_an_image_are_those_of_the_project():
    assert requirements().stdout.splitlines() == PROJECT["dependencies"]
    extras = PROJECT["optional-dependencies"]
    both = requirements("--extras", "mujoco,box2d").stdout.splitlines()
    assert both == [*extras["mujoco"], *extras["box2d"]]
    assert requirements("--extras", "").stdout == ""
    assert requirements("--build-system").stdout == "hatchling\n"


def test_an_unknown_extra_is_refused_by_name():
    refused = requirements("--extras", "mujoco,atari800")
    assert refused.returncode == 2
    there_are = ", ".join(sorted(PROJECT["optional-dependencies"]))
    assert refused.stderr == f"EXTRAS: there is no atari800; there are {there_are}\n"


def test_the_lock_has_every_package_that_an_image_can_get():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    locked = {canonicalize_name(line.split("==")[0]) for line in lines if not line.startswith("#")}
    waiting = [Requirement(f"il-builder[{','.join(PROJECT['optional-dependencies'])}]")]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        extras = {"", *wanted.extras}
        seen.add((wanted.name, *sorted(extras)))
        try:
            required = metadata.requires(wanted.name) or ()
        except metadata.PackageNotFoundError:
            pytest.skip(f"{wanted.name} is not installed: it belongs to an extra")
        for line in required:
            needed = Requirement(line)
            if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                continue
            if (needed.name, *sorted({"", *needed.extras})) not in seen:
                waiting.append(needed)
    assert {canonicalize_name(name) for name, *_ in seen} - {"il-builder"} <= locked


def test_scripts_can_be_run_and_parse():
    for script in SCRIPTS:
        with case(script):
            assert os.access(script, os.X_OK)
            subprocess.run(["bash", "-n", script], check=True)


def test_no_script_names_a_registry_or_an_index():
    for script in SCRIPTS:
        assert not re.search(r"https?://|docker\.io/|ghcr|quay", script.read_text()), script


def build_arguments(tmp_path, script=ROOT / "docker" / "build.sh", **environment):
    """What docker/build.sh says to the client."""
    client = tmp_path / "client"
    client.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    client.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "DOCKER": str(client), **environment}
    done = subprocess.run(["bash", script], env=variables, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_only_build_arguments_that_are_set_are_passed(tmp_path):
    assert build_arguments(tmp_path, REVISION="abc") == [
        *("build", "--tag", "il-builder", "--build-arg", "REVISION=abc", ".")
    ]
    said = build_arguments(tmp_path, REVISION="abc", TORCH_INDEX="", BASE_IMAGE="python@sha256:12")
    assert said[3:-1] == [
        *("--build-arg", "BASE_IMAGE=python@sha256:12"),
        *("--build-arg", "TORCH_INDEX=", "--build-arg", "REVISION=abc"),
    ]


def test_the_label_says_whether_the_image_has_files_that_no_commit_has(tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "docker", checkout / "docker")
    git = ("git", "-c", "user.name=someone", "-c", "user.email=someone@example.org", "-C", checkout)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=all"]):
        subprocess.run([*git, *command], check=True)

    def revision():
        said = build_arguments(tmp_path, script=checkout / "docker" / "build.sh")
        return next(word.removeprefix("REVISION=") for word in said if word.startswith("REVISION="))

    assert re.fullmatch("[0-9a-f]{40}", revision())
    (checkout / "docker" / "new.py").write_text("nobody has committed this\n")
    assert revision().endswith("-dirty")


def run_ci(tmp_path, *, engine, smoke="exit 0", compose="exit 0", **environment):
    """`.ci/container`, where all that it calls are scripts that note their names; those too."""
    folder, tools = tmp_path / "checkout", tmp_path / "tools"
    for place in (folder / ".ci", folder / "docker", tools):
        place.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "container", folder / ".ci")
    scripts = {
        tools / "docker": f'[ "$1" = compose ] || exit 1; {compose}',
        tools / "make": "exit 0",
        tools / "sleep": "exit 0",
        folder / "docker" / "engine.sh": f'[ "$1" = remove ] && exit; {engine}',
        folder / "docker" / "build.sh": "exit 0",
        folder / "docker" / "smoke.sh": smoke,
        folder / "docker" / "reproduce.sh": "exit 0",
        folder / "docker" / "cluster.sh": "exit 0",
    }
    calls = tmp_path / "calls"
    for path, text in scripts.items():
        path.write_text(f'#!/bin/sh\necho "$(basename $0) $*" >> {calls}\n{text}\n')
        path.chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        [folder / ".ci" / "container"],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    called = [
        line.strip() for line in calls.read_text().splitlines() if not line.startswith(("docker ", "sleep"))
    ]
    return done, called


STARTED = "echo export ENGINE_STARTED=yes"


def test_ci_checks_the_image_and_the_cluster_and_leaves_nothing_of_an_engine_that_it_started(tmp_path):
    done, called = run_ci(tmp_path, engine=STARTED, CI="true")
    assert done.returncode == 0
    assert called == [
        *("engine.sh", "make .venv/.dev", "build.sh", "smoke.sh", "reproduce.sh"),
        *("build.sh il-builder:cluster", "cluster.sh", "engine.sh remove"),
    ]


def test_a_failed_check_fails_ci_and_the_engine_is_gone_all_the_same(tmp_path):
    done, called = run_ci(tmp_path, engine=STARTED, smoke="exit 3")
    assert done.returncode == 3
    assert called[-2:] == ["smoke.sh", "engine.sh remove"]


def test_an_engine_that_was_there_before_is_left_alone(tmp_path):
    done, called = run_ci(tmp_path, engine="echo export ENGINE_STARTED=")
    assert done.returncode == 0
    assert called[-1] == "cluster.sh"


@pytest.mark.parametrize("missing", [{"engine": "exit 1"}, {"engine": STARTED, "compose": "exit 1"}])
def test_ci_without_an_engine_or_compose_fails_and_elsewhere_it_says_so_loudly(missing, tmp_path):
    for environment, code in (({"CI": "true"}, 1), ({}, 0)):
        done, _ = run_ci(tmp_path / str(code), **missing, **environment)
        assert done.returncode == code
        assert "NOT CHECKED" in done.stderr


def test_every_build_argument_of_the_documentation_is_one_of_the_dockerfile():
    page = (ROOT / "docs" / "container.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
    assert documented == set(re.findall(r"^ARG ([A-Z_]+)", DOCKERFILE, re.MULTILINE))


def test_the_line_of_the_readme_is_that_of_the_card():
    words = shlex.split(docker_command(["expert=cartpole", "episodes=1000"]).replace("\\\n", ""))
    lines = re.findall(r"^mkdir -p data && docker run .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [shlex.split(line) for line in lines] == [words]


def test_compose_starts_nothing_but_what_a_profile_names():
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    assert {name: service["profiles"] for name, service in services.items()} == {
        "builder": ["builder"],
        "scheduler": ["cluster"],
        "worker": ["cluster"],
        "submit": ["submit"],
    }
    assert all(service["volumes"] == ["${DATA:-../data}:/data"] for service in services.values())


def test_a_dataset_names_the_image_that_it_was_built_in(monkeypatch):
    monkeypatch.setenv("IL_BUILDER_IMAGE", "name@sha256:12")
    assert described_machine()["image"] == "name@sha256:12"
    monkeypatch.delenv("IL_BUILDER_IMAGE")
    assert described_machine()["image"] is None


def test_the_smoke_test_finds_the_hub_that_it_pushes_to():
    (folder,) = re.findall(r"^PYTHONPATH=\$root/(\S+) ", (ROOT / "docker/smoke.sh").read_text(), re.MULTILINE)
    assert (ROOT / folder / "hub_server.py").is_file()
