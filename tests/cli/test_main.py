"""The command line as a user types it, in a process of its own where that matters."""

import itertools
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from folders import names
from sweeps import sweep

from builder.cli.main import _kept, main

CORRIDOR = ["expert=random", "env.id=CartPole-v1", "episodes=5"]


def run(*words, **options):
    command = [sys.executable, "-m", "builder", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


@sweep(
    ("words", "code", "message"),
    [
        (["expert=cartpol"], 2, "there is no expert 'cartpol'; did you mean 'cartpole'?"),
        (["episode=3"], 2, "there is no key 'episode'; did you mean 'episodes'?"),
        (["rollout.lane=3"], 2, "there is no key 'rollout.lane'; did you mean 'rollout.lanes'?"),
        (["episodes=0"], 2, "episodes is out of range; expected at least 1; got 0"),
        (["episodes=-1"], 2, "episodes is out of range; expected at least 1; got -1"),
        (["episodes=many"], 2, "episodes: Value 'many' of type 'str' could not be converted to Integer"),
        (["buld"], 2, "there is no verb 'buld'; did you mean 'build'?"),
        (["--frobnicate"], 2, "unknown option --frobnicate; see il-builder --help"),
        (
            ["verify", "x", "--level", "files"],
            2,
            "unknown option --level; see il-builder --help; a key",
        ),
        (
            ["export", "x", "minari"],
            2,
            "one folder too many; expected one; got x, minari; give",
        ),
        (["expert=python"], 2, "expert=python needs expert.target; add expert.target=... to the command"),
        (["expert=random"], 2, "the expert 'random' does not say what it plays; give env.id="),
        (["expert=random", "env.id=CartPole-v7"], 2, "there is no environment 'CartPole-v7'; did you mean"),
        (["expert=random", "env.id=Mine/Pong-v5"], 2, "name the package that registers it"),
        (["out=/proc/nowhere/x"], 1, "/proc/nowhere cannot be written"),
        (["out=."], 1, "exists and is not a dataset of ours"),
        (["clean"], 2, "out must be given; add out=... to the command"),
    ],
    quick=9,
)
def test_bad_input_is_one_line_with_its_remedy(words, code, message, capsys):
    Path("mine.txt").write_text("mine")
    assert main(words) == code
    error = capsys.readouterr().err
    assert error.startswith("il-builder: ")
    assert error.count("\n") == 1
    assert message in error
    assert names() == ["mine.txt"]


def test_a_spent_budget_exits_with_1_and_leaves_no_dataset(capsys):
    words = ["expert=cartpole", "episodes=10", "threshold=501", "max_attempts=50", "out=x"]
    assert main(words) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "50 attempts, 0 accepted of 10, best return 500, mean return 500, threshold 501" in error
    assert not Path("x").exists()


@pytest.mark.slow
def test_debug_shows_the_traceback():
    answer = run("expert=random", "env.id=Nowhere-v0", "debug=true")
    assert answer.returncode == 2
    assert "Traceback" in answer.stderr


def test_no_traceback_without_debug(capsys):
    assert main(["expert=random", "env.id=Nowhere-v0"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "message"),
    [("import nothing_such", "cannot be imported"), ("make = int", "has no predict method")],
)
def test_a_python_expert_that_is_none_is_an_error(module, message, capsys, tmp_path):
    name = f"module_{abs(hash(module))}"
    Path(f"{name}.py").write_text(module)
    words = ["expert=python", f"expert.target={name}:make", "env.id=CartPole-v1", "out=x"]
    assert main(words) in (1, 2)
    assert message in capsys.readouterr().err
    assert not Path("x").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What a command says that builds with an expert from a module beside it."""
    place = tmp_path_factory.mktemp("place")
    (place / "beside.py").write_text(
        "class Right:\n"
        "    def predict(self, obs, state=None, deterministic=True):\n"
        "        return int(obs[2] > 0), state\n"
    )
    words = ["expert=python", "expert.target=beside:Right", "expert.version=1", "env.id=CartPole-v1"]
    return run(*words, "episodes=3", "out=x", cwd=place)


@pytest.mark.slow
def test_an_expert_from_a_module_beside_the_command_plays(built):
    assert built.returncode == 0, built.stderr
    assert "3 episodes" in built.stdout


def test_an_environment_that_needs_an_extra_names_it(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "Box2D", None)
    assert main(["expert=random", "env.id=LunarLander-v3"]) == 1
    assert capsys.readouterr().err == (
        "il-builder: LunarLander-v3 needs the extra box2d, which is not installed;"
        ' pip install "il-builder[box2d]"\n'
    )


@pytest.mark.slow
def test_a_sweep_builds_every_combination():
    words = ["-m", "expert=random", "env.id=CartPole-v1,Acrobot-v1", "seed=0,1", "episodes=2"]
    words += ["env.max_episode_steps=9", "expert.check=off"]
    assert main([*words, "out=d/${env.id}-${seed}"]) == 0
    assert [name for name in names("d") if not name.startswith(".")] == [
        "Acrobot-v1-0",
        "Acrobot-v1-1",
        "CartPole-v1-0",
        "CartPole-v1-1",
    ]
    assert names() == ["d"]


@pytest.mark.parametrize("folder", ["x", "a,b", "it's [1] ${y}", "{a}"])
def test_a_bare_word_is_the_folder_of_a_verb_that_reads_one(folder, capsys):
    assert main(["verify", folder]) == 1
    assert f"there is no dataset at {folder};" in capsys.readouterr().err


def test_two_bare_words_are_refused(capsys):
    assert main(["verify", "x", "y"]) == 2
    assert "'y' is one folder too many" in capsys.readouterr().err


def test_parts_without_their_key_are_told_it(capsys):
    assert main(["merge", "a", "b", "out=x"]) == 2
    assert "il-builder merge 'parts=[a,b]' out=..." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["expert=cartpole"], "finished chunks are kept, the same command goes on"),
        (["push", "out=x"], "what was transferred is kept, the same command goes on"),
        (["merge", "out=x"], "the same command begins anew"),
        (["relabel", "out=x"], "the same command begins anew"),
    ],
)
def test_an_interrupted_verb_says_what_it_has_kept(words, kept):
    assert _kept(words) == kept


def test_a_licence_that_the_hub_does_not_know_is_refused_at_once(capsys):
    assert main([*CORRIDOR, "out=x", "dataset.license=foo"]) == 2
    assert "dataset.license=foo is none that the Hub knows" in capsys.readouterr().err
    assert names() == []


def test_help_is_of_the_command_or_of_a_verb_and_leaves_no_file(capsys):
    assert main(["--help"]) == 0
    assert re.search("\n  verify +a dataset proves itself", capsys.readouterr().out)
    assert main(["build", "episodes=3", "-h"]) == 0
    text = capsys.readouterr().out
    assert "  parallel=loky       processes of this machine" in text
    assert "\n  episodes=100                      accepted episodes\n" in text
    assert main(["version", "--help"]) == 0
    assert names() == []


def test_cfg_is_hydras_and_leaves_no_file(capsys):
    assert main(["build", "--cfg", "job", "episodes=7"]) == 0
    assert "episodes: 7" in capsys.readouterr().out
    assert names() == []


@pytest.mark.slow
def test_shell_completion_knows_the_experts():
    line = "il-builder build expert=cart"
    answer = run("-sc", "query=bash", env={**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))})
    assert answer.stdout.split() == ["expert=cartpole"]


@pytest.mark.slow
def test_a_pipe_gets_plain_lines(built):
    assert "3 of 3 episodes of CartPole-v1 accepted" in built.stderr
    assert "\x1b[" not in built.stdout + built.stderr


@pytest.mark.slow
def test_a_terminal_gets_a_bar():
    assert "━" in on_a_terminal([*CORRIDOR, "out=x"])


def on_a_terminal(words):
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", *words],
        stdout=child,
        stderr=child,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(parent)
    return shown.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], ["parallel=threading", "parallel.n_jobs=2"], ["parallel=loky", "parallel.n_jobs=2"]]
)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_exits_with_130_keeps_its_chunks_and_goes_on(options, how):
    command = [sys.executable, "-m", "builder", "expert=cartpole", "episodes=2000", "out=x"]
    process = subprocess.Popen(
        [*command, "rollout.lanes=4", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not list(Path().glob(".x.chunks/*/chunk-*")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Traceback" not in output
    assert "interrupted; finished chunks are kept" in output
    assert not Path("x").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in Path().glob(".x.chunks/*/chunk-*")}
    assert main(["expert=cartpole", "episodes=20", "out=x"]) == 0
    now = {path.name: path.stat().st_mtime_ns for path in Path().glob(".x.chunks/*/chunk-*")}
    assert kept.items() <= now.items()


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core leaves nothing to choose")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_processes_play_that_were_chosen_on_the_way_leaves_no_process(how):
    command = [sys.executable, "-m", "builder", "expert=cartpole", "episodes=20000", "out=x"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    lines = list(itertools.takewhile(lambda line: "processes: about" not in line, process.stderr))
    opening = {path.name for path in Path().glob(".x.chunks/*/chunk-*")}
    assert process.poll() is None, lines
    while len(kept := chunks("x")) < len(opening) + 4:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    output = process.communicate(timeout=60)[1]
    assert (process.returncode, "Traceback" in output) == (130, False), output
    assert "interrupted; finished chunks are kept" in output
    assert opening <= kept.keys()
    assert kept.items() <= chunks("x").items()
    with pytest.raises(ProcessLookupError):
        signal_for_seconds(process.pid)


def signal_for_seconds(group, seconds=10.0):
    """Ask whether anybody is left in a group of processes, until nobody is, which raises."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.05)


def chunks(out):
    """When each was written, by name."""
    return {path.name: path.stat().st_mtime_ns for path in Path().glob(f".{out}.chunks/*/chunk-*")}
