import os
import shutil

import gymnasium as gym
import numpy as np
import pytest
from film_frames import frames_of, shown_for

from builder.environments import headless
from builder.errors import ConfigError, DatasetError, EnvironmentError_, ExistsError, NotRepeatedError
from builder.show import render as module
from builder.show.render import FilmRequest, Look, sized


def render(folder, episode="best", report=lambda _, __: None, **asked):
    return module.render(folder, FilmRequest(episode, **asked), report)


def test_a_film_of_an_episode_lies_beside_its_dataset(short_cartpole):
    made = render(short_cartpole, 1, kind="webp")
    assert made.path == short_cartpole.with_name("cartpole-episode-1.webp")
    assert (made.place.index, made.frames, made.fps, made.repeated) == (1, 21, 50.0, True)
    assert frames_of(made.path).shape == (21, 400, 600, 3)
    made.path.unlink()


def test_a_film_is_plain_sized_and_as_fast_as_asked_for(short_cartpole, tmp_path):
    reported = []
    look = Look(size=120, fps=8, plain=True)
    made = render(
        short_cartpole,
        "longest",
        path=tmp_path / "x.webp",
        look=look,
        report=lambda *now: reported.append(now),
    )
    assert frames_of(made.path).shape[1:] == (80, 120, 3)
    assert shown_for(made.path) == 21 * 125  # ms: frames that are the same are shown for longer
    assert (made.fps, reported[-1], len(reported)) == (8, (21, 21), 21)
    captioned = render(short_cartpole, "longest", path=tmp_path / "y.webp", look=Look(size=120))
    first, plain = (frames_of(film.path)[0].astype(int) for film in (captioned, made))
    assert np.abs(first - plain)[:14].max() > 100
    assert np.abs(first - plain)[20:].max() < 40


def test_a_strip_has_eight_small_frames(short_cartpole, tmp_path):
    made = render(short_cartpole, path=tmp_path / "strip.png")
    assert made.frames == 8
    assert frames_of(made.path).shape == (1, 160, 8 * 240 + 7 * 3, 3)


def test_what_lies_there_is_replaced_only_where_that_is_asked_for(short_cartpole, tmp_path):
    path = tmp_path / "mine.png"
    path.write_text("mine")
    with pytest.raises(ExistsError, match="overwrite=true"):
        render(short_cartpole, path=path)
    assert path.read_text() == "mine"
    render(short_cartpole, path=path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_tampered_dataset_makes_no_film_and_leaves_nothing(short_cartpole, tmp_path):
    folder = tmp_path / "cartpole"
    shutil.copytree(short_cartpole, folder)
    _change_an_action(folder)
    with pytest.raises(
        NotRepeatedError, match="episode 0, stepped again, differs after step 6 in observation"
    ):
        render(folder, 0, kind="webp")
    assert [path.name for path in tmp_path.iterdir()] == ["cartpole"]


def _change_an_action(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (file,) = (folder / "data").iterdir()
    table = pq.read_table(file)
    actions = table["action"].to_pylist()
    actions[5] = 1 - actions[5]
    place = table.column_names.index("action")
    pq.write_table(table.set_column(place, table.schema.field("action"), pa.array(actions)), file)


def test_images_of_a_dataset_are_shown_enlarged_by_a_whole_factor(dataset_of, tmp_path):
    made = render(dataset_of("image"), "longest", path=tmp_path / "x.webp")
    assert not made.repeated
    assert frames_of(made.path).shape == (made.place.length + 1, 324, 360, 3)


def test_recorded_pixels_are_shown_where_they_are_asked_for(tmp_path):
    from builder import build

    env = {"id": "CartPole-v1", "max_episode_steps": 4}
    pixels = {"pixels": {"height": 30, "width": 45}}
    dataset = build("random", env=env, dataset=pixels, episodes=1, out=str(tmp_path / "x"))
    made = render(tmp_path / "x", path=tmp_path / "x.webp", look=Look(frames="pixels", plain=True))
    assert not made.repeated
    first = dataset.arrays()["pixels"][0].repeat(8, 0).repeat(8, 1)
    assert np.abs(frames_of(made.path)[0].astype(int) - first).mean() < 3


def test_an_environment_that_cannot_draw_is_one_clear_line(dataset_of, tmp_path):
    with pytest.raises(EnvironmentError_, match="Kind-v0 cannot be drawn"):
        render(dataset_of("vector"), path=tmp_path / "x.webp")
    assert not list(tmp_path.iterdir())


def test_the_environment_can_be_asked_for_although_there_are_images(dataset_of, tmp_path):
    with pytest.raises(EnvironmentError_, match="cannot be drawn"):
        render(dataset_of("image"), path=tmp_path / "x.webp", look=Look(frames="environment"))


def test_a_column_that_holds_no_images_is_an_error(dataset_of, tmp_path):
    with pytest.raises(ConfigError, match="auto or environment or observation"):
        render(dataset_of("image"), path=tmp_path / "x.webp", look=Look(frames="reward"))


def test_a_dataset_whose_source_names_no_environment_is_an_error(tmp_path, dataset_of):
    from builder.exchange.export import ExportRequest, export
    from builder.exchange.importing import ImportRequest, import_

    export(dataset_of("vector"), ExportRequest("imitation", tmp_path / "theirs"))
    import_(ImportRequest("imitation", tmp_path / "theirs"), tmp_path / "ours")
    with pytest.raises(DatasetError, match="cannot be stepped again"):
        render(tmp_path / "ours", path=tmp_path / "x.webp")


def test_frames_keep_their_ratio():
    image = np.zeros((30, 60, 3), np.uint8)
    assert sized(image, None).shape == (180, 360, 3)
    assert sized(image, 100).shape == (50, 100, 3)
    assert sized(image, 60) is image
    assert sized(np.zeros((400, 100, 3), np.uint8), None).shape == (400, 100, 3)
    assert sized(np.zeros((1, 600, 3), np.uint8), 16).shape == (1, 16, 3)


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        (["env.id=Pendulum-v1"], 201),
        (["env.id=LunarLander-v3"], None),
        (["env.id=ALE/Breakout-v5", "env.max_episode_steps=40"], 41),
        (
            [
                "env.id=ALE/Pong-v5",
                "env.preprocessing=atari",
                "env.kwargs.frameskip=1",
                "env.max_episode_steps=40",
            ],
            41,
        ),
        (["env.id=FrozenLake-v1"], None),
        (["env.id=Taxi-v4", "env.max_episode_steps=30"], 31),
    ],
    ids=lambda value: value[0].removeprefix("env.id=") if isinstance(value, list) else "",
)
@pytest.mark.slow
def test_environments_of_gymnasium_are_drawn_in_software(tmp_path, overrides, rows):
    _film_of(tmp_path, overrides, rows)


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "FetchReach-v4"])
@pytest.mark.slow
def test_environments_of_mujoco_are_drawn_without_a_screen(tmp_path, env_id):
    if env_id.startswith("Fetch"):
        pytest.importorskip("gymnasium_robotics", reason="the extra `robotics`")
    if not os.environ.get(headless.GL) and not headless.software_gl():
        pytest.skip("neither EGL nor OSMesa is here")
    _film_of(tmp_path, [f"env.id={env_id}", "env.max_episode_steps=15"], 16)


def _film_of(tmp_path, overrides, rows):
    from builder import Controller

    out = tmp_path / "data"
    Controller().start(["expert=random", *overrides, "episodes=2", f"out={out}", "verify_sample=0"])
    made = render(out, path=tmp_path / "film.webp", look=Look(size=160, frames="environment", plain=True))
    found = frames_of(made.path)
    assert made.repeated
    assert made.frames == made.place.length + 1 == (rows or made.place.length + 1)
    assert len({frame.tobytes() for frame in found}) > 2  # it moves


@pytest.mark.slow
def test_what_walks_stays_in_the_picture():
    if not os.environ.get(headless.GL) and not headless.software_gl():
        pytest.skip("neither EGL nor OSMesa is here")
    from builder.environments.drawing import drawable, frame
    from builder.environments.environment import make, resolve

    spec = drawable(resolve("HalfCheetah-v5", {}, max_episode_steps=None, max_steps=None))
    environment = make(spec)
    environment.reset(seed=0)
    near = frame(environment)
    environment.unwrapped.data.qpos[0] += 15
    environment.step(np.zeros(6, np.float32))
    assert _brown(frame(environment)) > _brown(near) / 2 > 0
    environment.close()


def _brown(image):
    """How many pixels have the colour of the cheetah's limbs."""
    red, blue = image[..., 0].astype(int), image[..., 2].astype(int)
    return int((red - blue > 40).sum())


def test_the_users_own_camera_stays():
    made = gym.make("CartPole-v1")
    headless.follow(made, {})  # nothing of MuJoCo: nothing happens
    made.close()
