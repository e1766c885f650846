"""The card: what its header makes of the folder, what its text says, and that it is always the same."""

import numpy as np
import photograph
import pytest
from card_folders import REWARDS, inputs_of
from PIL import Image

from builder.card import read_notes, render_card, write_card
from builder.manifest.manifest import MANIFEST, fingerprint, read_manifest


def test_notes_survive_and_nothing_else_does(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    assert read_notes(folder) is None
    write_card(folder, notes="Mine.\n\n## Not ours\n{{ title }} | `x`")
    first = (folder / "README.md").read_text()
    (folder / "README.md").write_text(first.replace("# CartPole", "# My CartPole"))
    write_card(folder)
    assert (folder / "README.md").read_text() == first
    assert read_notes(folder) == "Mine.\n\n## Not ours\n{{ title }} | `x`"
    assert first.endswith("\n## Notes\n\nMine.\n\n## Not ours\n{{ title }} | `x`\n")


def test_the_same_folder_gives_the_same_bytes(dataset):
    folders = [dataset(REWARDS, name=name, inputs=inputs_of("episodes=5")) for name in ("one", "other")]
    for folder in folders:
        write_card(folder)
    for name in ("README.md", "manifest.json", "assets/returns.png"):
        one, other = [(folder / name).read_bytes() for folder in folders]
        assert one == other
    assert render_card(folders[0]) == (folders[0] / "README.md").read_text()
    assert str(folders[0]) not in (folders[0] / "README.md").read_text()


def test_the_manifest_lists_the_assets_but_not_the_card_and_keeps_its_fingerprint(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    before = read_manifest(folder)
    write_card(folder)
    after = read_manifest(folder)
    assert set(after.files) - set(before.files) == {"assets/returns.png", "assets/components.png"}
    assert after.fingerprint == before.fingerprint == fingerprint(after.identity, after.files)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*after.files, MANIFEST, "README.md"}


def test_a_picture_that_shows_nothing_any_more_is_gone(dataset):
    folder = dataset([[1.0] * 3, [1.0] * 3], inputs=inputs_of("episodes=2"))
    (folder / "assets").mkdir()
    (folder / "assets/returns.png").write_bytes(b"of an earlier card")
    write_card(folder)
    assert not (folder / "assets/returns.png").exists()
    assert "assets/returns.png" not in (folder / "README.md").read_text()
    assert '<img src="assets/components.png" width="700"' in (folder / "README.md").read_text()


def test_a_card_without_its_pictures_does_not_show_them(dataset):
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert "<img" not in card
    assert "How each component is distributed over all 16 steps." in card


@pytest.mark.slow
@pytest.mark.skipif(photograph.CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("width", [700, 1200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_pictures_at_the_hubs_widths(dataset, tmp_path, width, dark):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    write_card(folder)
    photograph.photograph(folder, tmp_path / "card.png", width=width, dark=dark)
    seen = np.asarray(Image.open(tmp_path / "card.png").convert("RGB"))
    assert seen.shape[1] == width
    bars = (np.abs(seen.astype(int) - (66, 124, 181)).max(axis=2) < 8).any(axis=1)
    assert np.count_nonzero(np.diff(bars.astype(int)) == 1) >= 3  # of returns, of choices, of components
