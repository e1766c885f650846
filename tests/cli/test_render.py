import pytest

from builder.cli.main import main


def test_the_command_makes_a_film_and_says_what_it_shows(short_cartpole, tmp_path, capsys):
    assert (
        main(["render", str(short_cartpole), "episode=2", f"to.path={tmp_path / 'film.webp'}", "size=64"])
        == 0
    )
    told = capsys.readouterr().out
    assert (tmp_path / "film.webp").is_file()
    assert "episode 2 of train: return 20, 20 steps" in told
    assert "21 frames, 50 a second; stepped again, every observation as recorded" in told


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["episode=77"], "there is no episode 77; expected 0 to 2"),
        (["episode=[1]"], "episode is unknown"),
        (["to=avi"], "the kind of film is unknown; expected mp4 or webp or gif or png"),
        (["size=3"], "size is out of range; expected at least 16"),
        (["fps=0"], "fps is out of range"),
        (["split=tset", "to=png"], "has no split 'tset'"),
        (["to=png", "to.path=/dev/null/x.png"], "/dev/null"),
    ],
    ids=lambda value: value[0].partition("=")[0] + value[0][-3:] if isinstance(value, list) else "",
)
def test_what_cannot_be_shown_is_one_line(short_cartpole, capsys, words, line):
    assert main(["render", str(short_cartpole), *words]) in (1, 2)
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_without_a_dataset_the_command_says_what_it_needs(capsys):
    assert main(["render"]) == 2
    assert "out=FOLDER or hub.repo_id=" in capsys.readouterr().err
