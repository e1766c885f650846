import pytest

from builder import Controller
from builder.errors import ConfigError, EnvironmentError_
from builder.manifest.manifest import PREVIEW
from builder.pipeline.pictures import VARIABLE

SHORT = ["expert=cartpole", "env.max_episode_steps=20", "threshold=-inf", "episodes=2", "expert.check=off"]


def built(out, *more):
    return Controller().start([*SHORT, f"out={out}", *more])


def there(out):
    return [(out / name).is_file() for name in PREVIEW]


@pytest.mark.slow
def test_a_preview_changes_no_other_file(tmp_path):
    with_one, without = tmp_path / "with", tmp_path / "without"
    built(with_one, "card.preview=true")
    built(without, "card.preview=false")
    assert (there(with_one), there(without)) == ([True] * 3, [False] * 3)
    for name in PREVIEW:
        (with_one / name).unlink()
    files = [path.relative_to(without) for path in without.rglob("*") if path.is_file()]
    assert {path.relative_to(with_one) for path in with_one.rglob("*") if path.is_file()} == {*files}
    assert all((with_one / path).read_bytes() == (without / path).read_bytes() for path in files)


def test_a_build_draws_unasked_unless_the_environment_variable_says_no(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    built(tmp_path / "a")
    monkeypatch.setenv(VARIABLE, "false")
    built(tmp_path / "b")
    assert (there(tmp_path / "a"), there(tmp_path / "b")) == ([True] * 3, [False] * 3)


def test_what_stands_there_without_a_preview_gets_the_one_that_is_asked_for(tmp_path):
    out = tmp_path / "out"
    built(out)
    result = built(out, "card.preview=true")
    assert not result.fresh
    assert there(out) == [True] * 3


@pytest.mark.slow
def test_a_damaged_preview_is_damage_and_one_that_was_removed_is_none(tmp_path):
    out = tmp_path / "out"
    built(out, "card.preview=true")
    (out / PREVIEW[0]).write_bytes(b"another film")
    assert built(out, "card.preview=true").fresh
    assert (out / PREVIEW[0]).read_bytes() != b"another film"
    for name in PREVIEW:
        (out / name).unlink()
    assert not built(out).fresh


def test_a_preview_that_cannot_be_drawn_is_refused_before_play(tmp_path):
    with pytest.raises(EnvironmentError_, match="cannot be drawn"):
        Controller().start(
            ["expert=random", "env.id=Corridor-v0", f"out={tmp_path / 'out'}", "card.preview=true"]
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["maybe", "1", "null", "[]"])
def test_an_unknown_value_is_one_error(tmp_path, value):
    with pytest.raises(ConfigError, match=r"card\.preview"):
        built(tmp_path / "out", f"card.preview={value}")
