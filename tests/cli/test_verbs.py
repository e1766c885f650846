"""What each verb does and says."""

from pathlib import Path

from folders import names

from builder.cli.main import main

CORRIDOR = ["expert=random", "env.id=CartPole-v1", "episodes=5"]


def test_a_build_leaves_the_dataset_its_chunks_and_its_metrics_and_nothing_of_hydras():
    assert main([*CORRIDOR, "out=x"]) == 0
    assert names() == [".x.chunks", ".x.metrics.json", ".x.request.json", "x"]


def test_a_build_prints_lines_that_load_what_it_built(capsys):
    main([*CORRIDOR, "out=x"])
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "built: x"
    scope = {}
    for line in lines[-2:]:
        exec(line, scope)
    assert len(scope["dataset"]) == len(scope["arrays"]["reward"])


def test_build_is_the_verb_when_none_is_given(capsys):
    assert main(["build", *CORRIDOR, "out=x"]) == 0
    assert main([*CORRIDOR, "out=x"]) == 0
    assert "up to date: x" in capsys.readouterr().out


def test_the_data_root_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("IL_BUILDER_DATA", str(tmp_path / "elsewhere"))
    assert main(CORRIDOR) == 0
    name = "random-CartPole-v1"
    assert names("elsewhere") == [f".{name}.chunks", f".{name}.metrics.json", f".{name}.request.json", name]


def test_verify_is_a_table_and_ends_with_1_at_the_first_difference(capsys):
    assert (
        main(["expert=random", "env.id=Acrobot-v1", "env.max_episode_steps=40", "episodes=2", "out=x"]) == 0
    )
    capsys.readouterr()
    assert main(["verify", "out=x", "sample=0.5"]) == 0
    said = capsys.readouterr().out
    assert "replay      1 of 2 episodes, 40 steps, bit for bit" in said
    assert said.endswith("verified: x\n")
    Path("x/data/train-00000-of-00001.parquet").write_bytes(b"")
    assert main(["verify", "out=x"]) == 1
    answer = capsys.readouterr()
    assert "differs" in answer.out
    assert answer.err.startswith(
        "il-builder: x fails files: file data/train-00000-of-00001.parquet, another size; expected "
    )
    assert main(["verify", "out=x", "level=all"]) == 2


def test_of_a_folder_that_is_no_dataset_verify_says_so_once(capsys):
    Path("empty").mkdir()
    assert main(["verify", "empty"]) == 1
    answer = capsys.readouterr()
    assert (answer.out, answer.err.count("no manifest")) == ("", 1)


def test_clean_removes_the_chunks_and_keeps_the_dataset(capsys):
    main([*CORRIDOR, "out=x"])
    assert main(["clean", "out=x"]) == 0
    assert names() == ["x"]
