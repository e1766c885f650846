"""Whatever goes wrong, one line with its remedy leaves the command line, and never a traceback."""

import errno
import json
import os
import subprocess
import sys

import pytest
from sweeps import case, sweep

from builder.cli.border import explained
from builder.cli.main import main
from builder.cli.verbs import VERBS, Verb
from builder.storage.layout import LONGEST_NAME

BUILD = ["expert=random", "env.id=CartPole-v1", "env.max_episode_steps=9", "episodes=1"]


@pytest.fixture
def failing(monkeypatch):
    """Have the verb `version` fail with an error."""

    def fail(error):
        def run(_):
            raise error

        monkeypatch.setitem(VERBS, "version", Verb(run))

    return fail


def run(*words, **options):
    command = [sys.executable, "-m", "builder", *words]
    return subprocess.run(command, stderr=subprocess.PIPE, check=False, **options)


def one_line(text):
    lines = (
        text.decode(errors="surrogateescape").splitlines() if isinstance(text, bytes) else text.splitlines()
    )
    return [line for line in lines if line.startswith("il-builder: ")], "Traceback" in str(text)


def test_an_error_of_the_system_is_one_line_with_its_path_and_a_remedy(failing, capsys):
    for code in sorted(errno.errorcode):
        with case(code):
            failing(OSError(code, os.strerror(code), "/some/where"))
            assert main(["version"]) == 1
            said = capsys.readouterr().err
            assert said.startswith(f"il-builder: /some/where: {os.strerror(code)}; ")
            assert said.count("\n") == 1
            assert len(said.split("; ", 1)[1]) > 10


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "the memory of this machine does not suffice; lower rollout.lanes"),
        (
            RecursionError("maximum recursion depth exceeded"),
            "something that was read is nested too deeply; check",
        ),
        (OSError("no number"), "a file or connection: no number; mend"),
        (OSError(errno.EXDEV, "far", "/a", None, "/b"), "/a and /b: far; mend"),
        (
            PermissionError(errno.EACCES, "Permission denied", b"/by\xfftes"),
            r"/by\udcfftes: Permission denied; mend",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "two\nlines\x1b[31m"),
            r"two lines\x1b[31m: No such file",
        ),
    ],
)
def test_what_else_can_come_is_one_line_too(failing, capsys, error, words):
    failing(error)
    assert main(["version"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"il-builder: {words}")
    assert said.count("\n") == 1


def test_with_debug_the_traceback_is_shown_as_well(failing, capsys):
    failing(OSError(errno.EIO, "Input/output error", "/some/where"))
    assert main(["version", "debug=true"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "il-builder: /some/where: Input/output error; check the disk" in said


def test_of_two_paths_that_are_one_it_is_named_once():
    assert str(explained(OSError(errno.EIO, "broken", "/a", None, "/a"))).startswith("/a: broken; ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        pytest.param(["experts"], marks=pytest.mark.slow),
        pytest.param(["--help"], marks=pytest.mark.slow),
    ],
)
def test_a_full_standard_output_is_said(words, unbuffered):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        answer = run(*words, stdout=full, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert answer.returncode == 1
    lines, traceback = one_line(answer.stderr)
    assert lines == [
        (
            "il-builder: standard output cannot be written: No space left on device;"
            " what was built is complete; only its report is not"
        )
    ]
    assert not traceback


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
def test_where_nothing_can_be_said_the_exit_code_says_it():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "builder", "verify", "out=/not/there"]
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 1


@pytest.mark.slow
def test_what_went_wrong_matters_more_than_a_full_standard_output():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        answer = run("verify", "out=/not/there", stdout=full)
    assert one_line(answer.stderr) == (
        ["il-builder: there is no dataset at /not/there; give the folder of one"],
        False,
    )


@pytest.mark.slow
@sweep(
    "closed", [pytest.param((1,), marks=pytest.mark.slow), pytest.param((2,), marks=pytest.mark.slow), (1, 2)]
)
def test_streams_that_are_closed_from_the_start_do_no_harm(closed):
    lines = f"import os, sys\nfor handle in {closed}: os.close(handle)\n"
    lines += "os.execv(sys.executable, [sys.executable, '-m', 'builder', *sys.argv[1:]])"
    for words, code in ((["--version"], 0), (["verify", "out=/not/there"], 1)):
        answer = subprocess.run([sys.executable, "-c", lines, *words], capture_output=True, check=False)
        assert answer.returncode == code
        assert b"Traceback" not in answer.stderr


@pytest.mark.slow
def test_a_working_folder_that_is_gone_is_said(tmp_path):
    lines = "import json, os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
    lines += "from builder.cli.main import main; print([main(words) for words in json.loads(sys.argv[1])])"
    verbs = [
        [*BUILD, "out=x"],
        ["verify", "x"],
        ["clean", "out=x"],
        ["pull", "out=x", "hub.repo_id=a/b"],
    ]
    answer = subprocess.run(
        [sys.executable, "-c", lines, json.dumps(verbs)], cwd=tmp_path, capture_output=True, check=False
    )
    said, traceback = one_line(answer.stderr)
    assert said == ["il-builder: the working folder is gone; change to another one"] * 4
    assert (answer.stdout, traceback) == (b"[2, 2, 2, 2]\n", False)


@pytest.mark.parametrize(
    "length", [LONGEST_NAME + 1, 256, *(pytest.param(n, marks=pytest.mark.slow) for n in (248, 255, 5000))]
)
@sweep("verb", [[*BUILD], ["verify"], ["clean"], ["push", "hub.repo_id=a/b"]], quick=2)
def test_a_name_that_is_too_long_is_said(tmp_path, capsys, verb, length):
    assert main([*verb, f"out={tmp_path / ('x' * length)}"]) in (1, 2)
    said = capsys.readouterr().err
    assert (len(one_line(said)[0]), one_line(said)[1]) == (1, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "word", ["out=/tmp/\udcff", "manifest=\udcff", "expert.path=\udcff", "\udcff", "env.id=\udcff"]
)
def test_a_word_that_is_not_utf_8_is_said(capsys, word):
    assert main([word]) == 2
    assert one_line(capsys.readouterr().err)[0] == [
        f"il-builder: {word!r} is not UTF-8; rename it, or choose another path".replace("\\\\", "\\")
    ]


@sweep(
    "name",
    [
        'it\'s "a b" c[1](d *?ä# $HOME',
        "a${b\\c",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("[x]", "[", "{a}")),
    ],
)
def test_a_path_is_taken_as_it_is(tmp_path, capsys, name):
    out = tmp_path / name
    assert main([*BUILD, f"out={out}"]) == 0
    assert (out / "manifest.json").is_file()
    assert main(["verify", f"out={out}", "level=rebuild"]) == 0
    assert main([f"manifest={out}", f"out={tmp_path / 'again'}"]) == 0
    assert main(["clean", f"out={out}"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == sorted(
        [name, "again"]
    )


def test_what_may_not_be_read_is_said(tmp_path, capsys):
    (tmp_path / "forbidden").touch(0)
    if os.access(tmp_path / "forbidden", os.R_OK):
        pytest.skip("this user may read everything")
    assert main([*BUILD, f"out={tmp_path / 'x'}"]) == 0
    for path in (tmp_path / "x/manifest.json", tmp_path / "x/data", tmp_path / "x", tmp_path):
        mode = path.stat().st_mode
        path.chmod(0)
        try:
            for verb in ([*BUILD, "episodes=2"], ["verify"], ["clean"]):
                code = main([*verb, f"out={tmp_path / 'x'}"])
                lines, traceback = one_line(capsys.readouterr().err)
                assert (len(lines), traceback) == (1 if code else 0, False)
        finally:
            path.chmod(mode)


def test_what_is_printed_holds_no_secret(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ODD_SECRET_KEY", "s3cr3t-0123456789")
    assert main(["clean", f"out={tmp_path}/${{oc.env:ODD_SECRET_KEY}}"]) == 0
    assert capsys.readouterr().out.endswith("/***\n")
