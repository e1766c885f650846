"""The page as a folder for any web server."""

import json

import pytest
import yaml

from builder.errors import ConfigError, ExistsError
from builder.show.space import FILES, Filmed, Space, write_space


def test_it_is_a_static_space_with_the_page_and_its_configuration(tmp_path):
    out = tmp_path / "space"
    space = Space(repo_id="user/data", revision="v1", names={"X-v0": {"action": ["left", "right"]}})
    assert sorted(write_space(out, space)) == sorted(path.name for path in out.iterdir())
    header = (out / "README.md").read_text().split("---")[1]
    assert yaml.safe_load(header)["sdk"] == "static"
    config = json.loads((out / "config.json").read_text())
    assert (config["endpoint"], config["repo"], config["revision"]) == (
        "https://huggingface.co",
        "user/data",
        "v1",
    )
    assert config["names"] == {"X-v0": {"action": ["left", "right"]}}


def test_its_page_may_ask_the_hub_alone(tmp_path):
    write_space(tmp_path / "space", Space("http://127.0.0.1:8080", cdn=["http://localhost:8080"]))
    page = (tmp_path / "space/index.html").read_text()
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert "connect-src 'self' http://127.0.0.1:8080 http://localhost:8080;" in page
    assert "default-src 'none'; script-src 'self';" in page
    assert "unsafe" not in page


def test_the_hub_itself_answers_with_a_redirect_to_its_own_hosts(tmp_path):
    write_space(tmp_path / "space", Space())
    hosts = "https://huggingface.co https://*.huggingface.co https://*.hf.co"
    assert f"connect-src 'self' {hosts};" in (tmp_path / "space/index.html").read_text()


@pytest.mark.parametrize(
    "host", ["evil.example", "https://a'; script-src *", "https://a b", 'https://a"><script>', "javascript:1"]
)
def test_a_host_that_is_none_never_comes_into_the_page(tmp_path, host):
    with pytest.raises(ConfigError, match="host of the Hub"):
        write_space(tmp_path / "space", Space(cdn=[host]))
    with pytest.raises(ConfigError, match="host of the Hub"):
        write_space(tmp_path / "space", Space(endpoint=host))
    assert not (tmp_path / "space").exists()


def test_a_page_of_ours_is_replaced_and_what_others_have_put_there_stays(tmp_path):
    out = tmp_path / "space"
    write_space(out, Space())
    (out / "films").mkdir()
    (out / "films/mine.mp4").write_text("mine")
    write_space(out, Space(repo_id="user/other"))
    assert json.loads((out / "config.json").read_text())["repo"] == "user/other"
    assert (out / "films/mine.mp4").read_text() == "mine"


def test_something_else_is_written_over_only_where_that_is_said(tmp_path):
    out = tmp_path / "space"
    out.mkdir()
    (out / "README.md").write_text("mine")
    (out / "other.txt").write_text("mine")
    with pytest.raises(ExistsError, match="overwrite=true"):
        write_space(out, Space())
    assert (out / "README.md").read_text() == "mine"
    write_space(out, Space(), overwrite=True)
    assert (out / "other.txt").read_text() == "mine"
    assert set(FILES) < {path.name for path in out.iterdir()}


def test_a_file_or_a_link_is_no_place_for_it(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(ExistsError, match="is no folder"):
            write_space(tmp_path / name, Space(), overwrite=True)


def test_twice_the_same_is_twice_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_space(tmp_path / name, Space(repo_id="user/data"))
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def filmed(*episodes):
    return Filmed(
        "fingerprint", episodes, lambda split, episode, path, report: path.write_text(f"{split} {episode}")
    )


def test_films_stand_beside_the_page_which_knows_of_what_dataset_they_are(tmp_path):
    out = tmp_path / "space"
    write_space(out, Space(filmed=filmed(("train", 3), ("test", 7))))
    assert (out / "films/test-7.mp4").read_text() == "test 7"
    told = json.loads((out / "config.json").read_text())["filmed"]
    assert told == {"fingerprint": "fingerprint", "films": ["films/train-3.mp4", "films/test-7.mp4"]}


def test_films_of_an_earlier_page_go_and_others_stay(tmp_path):
    out = tmp_path / "space"
    write_space(out, Space(filmed=filmed(("train", 3))))
    (out / "films/mine.mp4").write_text("mine")
    write_space(out, Space())
    assert sorted(path.name for path in (out / "films").iterdir()) == ["mine.mp4"]


def test_where_a_film_cannot_be_drawn_the_page_stays_as_it_was(tmp_path):
    def draw(*_):
        raise ConfigError("no screen")

    out = tmp_path / "space"
    write_space(out, Space(repo_id="user/data"))
    with pytest.raises(ConfigError, match="no screen"):
        write_space(out, Space(filmed=Filmed("fingerprint", [("train", 0)], draw)))
    assert json.loads((out / "config.json").read_text())["repo"] == "user/data"
