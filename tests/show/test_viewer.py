"""The page, driven in a real browser: folders, repositories, keys, and strangers' text."""

import functools
import http.server
import io
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_cases import REPOSITORY, environment
from places import ROOT

from builder import load
from builder.errors import DatasetError
from builder.manifest.manifest import read_manifest
from builder.show.render import Look
from builder.show.site import Folder
from builder.show.space import Filmed, Space, write_space
from builder.show.view import drawn_from, served

PLAYWRIGHT = ROOT / "builder/show/viewer/node_modules/playwright-core/index.mjs"
BROWSER, NODE = shutil.which("chromium"), shutil.which("node")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and NODE and PLAYWRIGHT.is_file()), reason="no chromium, or no `make viewer` before"
    ),
]
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def driven(url, *steps, width=1400, height=900, scheme="light", shot=None, said=""):
    """What the steps gave; the console has said nothing, or just what it was to say."""
    request = {
        "playwright": PLAYWRIGHT.as_uri(),
        "browser": BROWSER,
        "url": url,
        "size": {"width": width, "height": height},
        "scheme": scheme,
        "steps": steps,
        "shot": str(shot) if shot else None,
    }
    program = [NODE, str(Path(__file__).with_name("drive.mjs")), json.dumps(request)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert [line for line in answer["said"] if not said or said not in line] == []
    return answer


def hosts(answer):
    return {urlsplit(url).netloc for url in answer["asked"] if not url.startswith(("data:", "blob:"))}


@pytest.fixture
def shown(folder):
    """Serves the folder of 20 episodes, 4 of them in test."""
    with served(Folder(folder, read_manifest(folder)), "a folder") as server:
        yield server


@pytest.fixture
def shown_without_screen(folder):
    def draw(split, episode, path, report):
        raise DatasetError(f"no screen for {SCRIPT}")

    with served(Folder(folder, read_manifest(folder)), "a folder", draw=draw) as server:
        yield server


@pytest.fixture
def web(tmp_path):
    """Serves a folder as any web server does."""
    (tmp_path / "web").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield tmp_path / "web", f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def text(selector):
    return f"page.textContent({json.dumps(selector)})"


def count(selector):
    return f"page.locator({json.dumps(selector)}).count()"


def press(*keys):
    return "{ " + " ".join(f"await page.keyboard.press({json.dumps(key)});" for key in keys) + " }"


def until(expression):
    """Wait for something in the page to be true."""
    return f"until({json.dumps(expression)})"


FRAME = "page.evaluate(() => new Promise(requestAnimationFrame))"
"""What was asked for before is drawn after it."""
VALUE = ".strip[data-group=observation] .value"
EPISODE = "document.querySelector('.facts h2').textContent"


def test_a_folder_is_shown_with_its_own_values_and_asks_nobody_else(shown, folder):
    rows = pq.read_table(folder / "data/train-00000-of-00001.parquet").to_pylist()
    episodes = pq.read_table(folder / "episodes/train-00000-of-00001.parquet").to_pylist()
    third = episodes[2]
    steps = [
        text("h1"),
        count(".room > div"),
        "page.click('.room [data-row=\"2\"]')",
        until(f"{EPISODE} === 'Episode {third['episode_index']}'"),
        text(".facts"),
        count(".strip canvas"),
        press("ArrowRight"),
        FRAME,
        f"page.locator({json.dumps(VALUE)}).allTextContents()",
        press("End"),
        FRAME,
        f"page.locator({json.dumps(VALUE)}).allTextContents()",
    ]
    answer = driven(shown.url, *steps)
    found = answer["found"]
    assert hosts(answer) == {f"127.0.0.1:{shown.port}"}
    assert (found[0], found[1], found[5]) == ("Corridor-v0", len(episodes), 4)
    for word in (f"return {third['episode_return']:g}", f"seed {third['seed']}", "terminated"):
        assert word in found[4]
    at_one = (
        rows[third["row_start"] + 1]["observation"] if third["length"] > 1 else third["final_observation"]
    )
    assert [float(value) for value in found[8]] == at_one
    assert [float(value) for value in found[11]] == third["final_observation"]


def test_all_can_be_done_by_keys(shown):
    steps = [
        press("j", "j"),
        until(f"document.querySelector('[aria-selected=true]').dataset.row === '2' && {EPISODE} !== ''"),
        press("ArrowUp"),
        until("document.querySelector('[aria-selected=true]').dataset.row === '1'"),
        press("c", "j"),
        until(
            "document.querySelectorAll('.pane').length === 2 && document.querySelector('.beside') !== null"
        ),
        press("Escape"),
        until("document.querySelectorAll('.pane').length === 1"),
        press("d"),
        until("document.querySelectorAll('.histogram').length >= 5"),
        press("d", "r"),
        until("document.querySelector('.heads .sorted').dataset.key === 'return'"),
        press("/", "r", "e", "t", "u", "r", "n", ">", "1", "5", "Enter"),
        text(".said"),
        press("?"),
        until("document.querySelector('dialog').open"),
        press("?"),
        until("!document.querySelector('dialog').open"),
        press("Home", "Space"),
        until(
            "(([step, steps]) => step === steps)(document.querySelector('.step').textContent.split(' / '))"
        ),
        press("Shift+ArrowLeft", "Enter"),
        "page.evaluate(() => document.activeElement.type)",
    ]
    found = driven(shown.url, *steps)["found"]
    assert found[-1] == "range"
    assert found[13].endswith(" of 16")


def test_a_second_episode_is_clicked_beside_the_first(shown):
    steps = [
        "page.click('.room [data-row=\"3\"]', {modifiers: ['Shift']})",
        until("document.querySelectorAll('.pane').length === 2"),
        "page.locator('.facts h2').allTextContents()",
        count(".film, .strip canvas"),
        "page.click('.room [data-row=\"0\"]')",
        until("document.querySelectorAll('.facts h2')[1].textContent === 'Episode 0'"),
    ]
    found = driven(shown.url, *steps)["found"]
    assert found[2][0] == "Episode 0"
    assert found[3] == 8


def test_the_address_opens_a_moment_and_follows_what_is_shown(shown, folder):
    last = pq.read_table(folder / "episodes/test-00000-of-00001.parquet").to_pylist()[-1]
    steps = [
        text(".facts h2"),
        text(".step"),
        press("Home"),
        until("!location.hash.includes('@')"),
        "page.url()",
    ]
    found = driven(f"{shown.url}#test/{last['episode_index']}@1", *steps)["found"]
    assert found[0] == f"Episode {last['episode_index']}"
    assert found[1].startswith("1 /")
    assert found[4].endswith(f"#test/{last['episode_index']}")


def test_an_episode_is_seen_as_a_film_that_shows_the_step(two_episodes):
    pytest.importorskip("av")
    dataset = load(two_episodes)
    draw = drawn_from(lambda: two_episodes, Look(plain=True))
    wanted = (2 + 0.5) / (len(dataset[0].actions) + 1)  # of the film: step 2 is its third frame
    video = "document.querySelector('video')"
    steps = [
        until(f"{video} && !{video}.hidden"),
        press("Home", "ArrowRight", "ArrowRight"),
        until(f"!{video}.seeking && Math.abs({video}.currentTime / {video}.duration - {wanted}) < 0.001"),
    ]
    with served(Folder(two_episodes, dataset.manifest), "a folder", draw=draw) as server:
        assert driven(server.url, *steps)["found"] == [True, None, True]


def test_what_cannot_be_drawn_says_so_and_the_plots_are_there(shown_without_screen):
    told = until("document.querySelector('.waiting').textContent.startsWith('no screen for <img')")
    answer = driven(shown_without_screen.url, told, count(".strip canvas"))
    assert answer["found"] == [True, 4]


def test_a_static_space_shows_a_repository_of_the_hub_and_asks_no_other_host(hub, clients, published, web):
    root, url = web
    cdn = hub.url.replace("127.0.0.1", "localhost")  # to where the Hub redirects
    write_space(root, Space(hub.url, cdn=[cdn]), overwrite=True)
    answer = driven(f"{url}?repo={REPOSITORY}", text("h1"), count(".room > div"), count(".strip canvas"))
    assert answer["found"] == ["Corridor-v0", 16, 4]
    assert hosts(answer) == {urlsplit(place).netloc for place in (url, hub.url, cdn)}


def test_a_repository_is_shown_by_the_command_which_alone_asks_the_hub(hub, published, tmp_path):
    program = [
        sys.executable,
        "-m",
        "builder",
        "view",
        f"hub.repo_id={REPOSITORY}",
        "browser=false",
        "films=false",
    ]
    settings = {**environment(hub.url, tmp_path / "home", HF_TOKEN="hf_writer"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, env=settings, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        answer = driven(url, text("h1"), count(".room > div"), count(".strip canvas"))
        process.terminate()
    assert answer["found"] == ["Corridor-v0", 16, 4]
    assert hosts(answer) == {urlsplit(url).netloc}
    assert not hub.requests("resolve/.*test-")


def test_a_static_page_shows_the_films_beside_it(hub, two_episodes, web):
    pytest.importorskip("av")
    root, url = web
    files = {
        path.relative_to(two_episodes).as_posix(): path.read_bytes() for path in two_episodes.rglob("*.*")
    }
    hub.store.add("dataset", "user/two", files)
    fingerprint = read_manifest(two_episodes).fingerprint
    film = Filmed(fingerprint, [("train", 0)], drawn_from(lambda: two_episodes, Look(plain=True)))
    cdn = [hub.url.replace("127.0.0.1", "localhost")]
    write_space(root, Space(hub.url, repo_id="user/two", cdn=cdn, filmed=film), overwrite=True)
    video = "document.querySelector('video')"
    shown = driven(url, until(f"{video} && !{video}.hidden"), press("j"), until(f"{video} === null"))
    assert shown["found"] == [True, None, True]


@pytest.mark.parametrize(
    ("query", "told"),
    [("", "user/name"), ("?repo=../x", "user/name"), ("?repo=user/corridor&revision=../x", "not a revision"),
     ("?repo=user/none", "user/none is not there (401)")],
)  # fmt: skip
def test_what_is_no_repository_is_said_in_one_line(hub, published, web, query, told):
    root, url = web
    write_space(root, Space(hub.url), overwrite=True)
    assert told in driven(url + query, text(".problem"), said="status of 401")["found"][0]


def publish(hub, name, files, **split):
    """A dataset on the Hub, by whom it may be."""
    listed = {path: {"sha256": SCRIPT, "size": len(content)} for path, content in files.items()}
    inputs = {"environment": {"id": SCRIPT}, "expert": {"name": SCRIPT, "algo": SCRIPT}}
    manifest = {"accepted": split["episodes"], "fingerprint": SCRIPT, "files": listed, "inputs": inputs}
    manifest["splits"] = {"train": split}
    hub.store.add("dataset", name, {**files, "manifest.json": json.dumps(manifest).encode()})


def number(shown):
    return float(shown.replace("−", "-"))  # noqa: RUF001  (as the page writes it)


def approximate(value):
    """As the page rounds it."""
    return float(f"{value:.2e}") if abs(value) >= 10**7 else float(value)


def parquet(columns):
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target, compression="zstd")
    return target.getvalue()


def test_an_episode_is_read_across_row_groups_pages_and_files(hub, web):
    """Every value of every step, of each kind of column."""
    root, url = web
    rows = range(40)
    table = pa.table(
        {
            "whole": pa.array([-row for row in rows], pa.int8()),
            "large": pa.array([row * 2**40 for row in rows], pa.uint64()),
            "half": pa.array([np.float16(row / 2) for row in rows], pa.float16()),
            "flag": pa.array([row % 3 == 0 for row in rows]),
            "vector": pa.array([[row, row + 0.25] for row in rows], pa.list_(pa.float32(), 2)),
            "matrix": pa.array([[[row], [row + 0.5]] for row in rows], pa.list_(pa.list_(pa.float64()))),
            "struct": pa.array([{"part": row, "list": [row + 0.75]} for row in rows]),
        }
    )
    files = {}
    for index, start in enumerate((0, 9, 18, 27, 36)):
        target = io.BytesIO()
        options = {
            "row_group_size": 4,
            "max_rows_per_page": 2,
            "write_page_index": True,
            "compression": "zstd",
        }
        pq.write_table(table.slice(start, 9), target, **options)
        files[f"data/train-{index:05d}-of-00005.parquet"] = target.getvalue()
    bounds = [(0, 3), (3, 31), (31, 40)]
    starts, ends = zip(*bounds, strict=True)
    files["episodes/train-00000-of-00001.parquet"] = parquet({"row_start": starts, "row_end": ends})
    publish(hub, "user/wide", files, episodes=3, rows=40)
    write_space(
        root, Space(hub.url, "user/wide", cdn=[hub.url.replace("127.0.0.1", "localhost")]), overwrite=True
    )
    for episode, (start, end) in enumerate(bounds):
        shown = "page.locator('.strip .value').allTextContents()"
        steps = [step for _ in range(start, end) for step in (FRAME, shown, press("ArrowRight"))]
        found = driven(f"{url}#train/{episode}", *steps)["found"][1::3]
        wanted = [
            [-row, row * 2**40, row / 2, row % 3 == 0, row, row + 0.75, row, row + 0.25, row, row + 0.5]
            for row in range(start, end)
        ]
        assert [sorted(map(number, values)) for values in found] == [
            sorted(map(approximate, values)) for values in wanted
        ]


@pytest.mark.parametrize(
    ("episodes", "end", "told"),
    [(10**12, 3, "says 1000000000000 episodes, and the list has 1"), (1, 10**12, "fewer rows")],
)
def test_rows_that_a_stranger_makes_up_are_one_line(hub, web, episodes, end, told):
    root, url = web
    files = {
        "data/train-00000-of-00001.parquet": parquet({"action": [1, 2, 3]}),
        "episodes/train-00000-of-00001.parquet": parquet({"row_start": [0], "row_end": [end]}),
    }
    publish(hub, "user/stranger", files, episodes=episodes, rows=end)
    cdn = [hub.url.replace("127.0.0.1", "localhost")]
    write_space(root, Space(hub.url, "user/stranger", cdn=cdn), overwrite=True)
    assert told in driven(url, text(".problem:not([hidden])"))["found"][0]


def test_text_of_strangers_is_text(hub, web):
    """In every name and column that the page shows; the policy of a server would catch what runs besides."""
    root, url = web
    steps = {
        "observation": [{SCRIPT: 0.5, "words": SCRIPT}] * 3,
        SCRIPT: [SCRIPT] * 3,
        "action": [1, 2, 3],
        "reward": [0.0, 1.0, 2.0],
    }
    episodes = {
        "policy": [SCRIPT, "b"],
        "length": [2, 1],
        "episode_return": [1.0, 2.0],
        "seed": [1, 2],
        "terminated": [True, False],
        "truncated": [False, True],
        "row_start": [0, 2],
        "row_end": [2, 3],
    }
    files = {
        "data/train-00000-of-00001.parquet": parquet(steps),
        "episodes/train-00000-of-00001.parquet": parquet(episodes),
        "README.md": SCRIPT.encode(),
    }
    publish(hub, "user/stranger", files, episodes=2, rows=3)
    write_space(root, Space(hub.url, cdn=[hub.url.replace("127.0.0.1", "localhost")]), overwrite=True)
    page = (root / "index.html").read_text()
    (root / "index.html").write_text(page.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"))
    answer = driven(
        f"{url}?repo=user/stranger",
        text("h1"),
        press("d"),
        until("document.querySelectorAll('.histogram').length >= 4"),
        press("d", "c", "j"),
        until("document.querySelectorAll('.pane').length === 2"),
        count("#app img, #app script"),
        text(".captions"),
    )
    found = answer["found"]
    assert (found[0], found[5]) == (SCRIPT, 0)
    assert SCRIPT in found[6]


def test_the_page_reaches_nothing_that_is_not_below_the_token(shown):
    names = ["/dataset/manifest.json", "dataset/..%2f..%2fetc/passwd", "dataset/provenance.json", "dataset/"]
    asking = f"Promise.all({json.dumps(names)}.map(async (name) => (await fetch(name)).status))"
    answer = driven(shown.url, f"page.evaluate({json.dumps(asking)})", said="status of 404")
    assert answer["found"] == [[404] * 4]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 700])
def test_nothing_is_wider_than_the_window(shown, tmp_path, width, scheme):
    steps = ["page.evaluate(() => document.documentElement.scrollWidth)"]
    answer = driven(shown.url, *steps, width=width, scheme=scheme)
    assert answer["found"][0] <= width
