"""The dataset card: rendered from a folder's own files, and written into it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from builder.card import imported, merged, text
from builder.card.citation import citation
from builder.card.collection import collection_table
from builder.card.columns import columns_table, component_tables, documented_id
from builder.card.component_plots import component_sentences, components_picture, drawn_of
from builder.card.contents import COMPONENTS, RETURNS, Contents, read_contents
from builder.card.episode_plots import episode_sentences, episodes_picture
from builder.card.header import header
from builder.card.learning_curve import baseline_section
from builder.card.limits import limits
from builder.card.markdown import code
from builder.card.sample import Sample, read_sample
from builder.card.scale import scale_sentence
from builder.errors import BuilderError, DatasetError, storage_error
from builder.experts.sources.table import described_source
from builder.manifest.command import command, docker_command, rebuild_overrides
from builder.manifest.manifest import PREVIEW, data_files, read_manifest, seal, stated_citation
from builder.manifest.reference import kept_reference
from builder.manifest.settings import before_labels
from builder.storage.paths import AnyPath, atomic_file

if TYPE_CHECKING:
    from jinja2 import Template

CARD = "README.md"
TEMPLATE = Path(__file__).with_name("template.md")
ANYWHERE = "path/to/this/folder"
"""Stands for the folder, whose path no card names."""
PICTURES = (
    "The best, the median and the worst episode, as they were played",
    "Moments of the best episode",
)
"""What the preview shows. A card names it whether or not it is there: without a text beside it, a page shows
nothing in the place of a picture that is missing."""
NOTES = re.compile(r"^## Notes[ \t]*$", re.MULTILINE)


def write_card(folder: Path, *, notes: str | None = None) -> None:
    """Draw the assets, seal the manifest that lists them, and write `README.md`, whole or not at all.

    Args:
        folder: a dataset folder with its manifest.
        notes: the user's section; None: what an existing card has.

    Raises:
        DatasetError: there is no dataset, or its files do not hold what its manifest says.
        StorageError: the disk is full or not writable.
    """
    notes = read_notes(folder) if notes is None else notes
    contents = read_contents(folder)
    sample = read_sample(folder, contents.manifest)
    pictures = {
        RETURNS: episodes_picture(contents, sample),
        COMPONENTS: components_picture(drawn_of(contents, sample)),
    }
    for name, png in pictures.items():
        place_picture(folder / name, png)
    stated = contents.manifest
    seen = frozenset(name for name, png in pictures.items() if png is not None)
    contents = dataclasses.replace(contents, manifest=seal(stated, folder, data_files(stated)), plots=seen)
    _write(folder / CARD, _rendered(contents, sample, folder, notes=notes).encode())


def place_picture(path: Path, png: bytes | None) -> None:
    """Write a picture, whole or not at all; where there is none to see, leave none of an earlier card's.

    Raises:
        StorageError: the disk is full or not writable.
    """
    if png is not None:
        _write(path, png)
    elif path.is_file():
        path.unlink()


def name_repository(folder: Path, repo_id: str) -> None:
    """Let a folder's card name its repository on the Hub; nothing else of the folder changes.

    A folder whose content a user's own `collate` has chosen keeps the card that it has.

    Raises:
        DatasetError: the files do not hold what the manifest says.
        StorageError: the disk is full or not writable.
    """
    if read_manifest(folder).splits:
        card = render_card(folder, repo_id=repo_id, notes=read_notes(folder)).encode()
        if not (folder / CARD).is_file() or (folder / CARD).read_bytes() != card:
            _write(folder / CARD, card)


def write_text(folder: Path, text: str) -> None:
    """Write a card's text, whole or not at all.

    Raises:
        StorageError: the disk is full or not writable.
    """
    _write(folder / CARD, text.encode())


def render_card(folder: Path, *, repo_id: str | None = None, notes: str | None = None) -> str:
    """The card of a dataset folder; the same files give the same text.

    Args:
        folder: a dataset folder with its manifest.
        repo_id: its repository on the Hub, for the lines that load it; None: a local folder.
        notes: the user's section, without its heading; None: none.

    Raises:
        DatasetError: there is no dataset, or its files do not hold what its manifest says.
    """
    contents = read_contents(folder)
    sample = read_sample(folder, contents.manifest)
    return _rendered(contents, sample, folder, repo_id=repo_id, notes=notes)


def _rendered(
    contents: Contents, sample: Sample, folder: Path, *, repo_id: str | None = None, notes: str | None
) -> str:
    try:
        known = contents.manifest.inputs
        name = (_others(known) or text).title(known)
        card = _template().render(
            card_data=header(contents, pretty_name=" ".join(name.replace("`", "").split())),
            title=name,
            address=json.dumps(repo_id or ANYWHERE),
            notes="\n".join((notes or "").strip().splitlines()),
            **_sections(contents, sample),
        )
    except BuilderError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"the manifest of {folder} does not describe a build: {error!r}") from error
    return f"{card.rstrip()}\n"


@cache
def _template() -> Template:
    """The card's template, compiled once."""
    import jinja2

    template: Template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"))
    return template


def read_notes(folder: AnyPath) -> str | None:
    """The user's section `## Notes` of an existing card, which goes on to its end; without the heading.

    Returns:
        None where there is no card, or no such section.
    """
    try:
        card = (folder / CARD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the card {folder / CARD} cannot be read: {error}") from error
    found = NOTES.search(card)
    return card[found.end() :].strip() if found else None


def _sections(contents: Contents, sample: Sample) -> dict[str, Any]:
    manifest = contents.manifest
    inputs, spaces = manifest.inputs, manifest.spaces
    return {
        "pictures": () if _others(inputs) else tuple(zip(PREVIEW, PICTURES, strict=False)),
        "returns_picture": RETURNS if RETURNS in contents.plots else None,
        "returns_sentences": episode_sentences(contents),
        "components_picture": COMPONENTS if COMPONENTS in contents.plots else None,
        "components_sentences": component_sentences(drawn_of(contents, sample), sample),
        "figures": text.figures_table(contents),
        "scale": scale_sentence(scores) if (scores := kept_reference(manifest)) else None,
        **{name: columns_table(columns, spaces) for name, columns in contents.columns.items()},
        "component_tables": component_tables(documented_id(inputs.get("environment", {})), spaces),
        "baseline": baseline_section(contents.learned) if contents.learned else None,
        "packages": text.packages_table(manifest) if inputs.get("packages") else None,
        "identity": code(manifest.identity),
        "fingerprint": code(manifest.fingerprint),
        "licence": text.licence(inputs),
        "citation": citation(cited) if (cited := stated_citation(inputs)) else None,
        **(others.sections(contents) if (others := _others(inputs)) else _of_a_build(contents)),
    }


def _others(inputs: Mapping[str, Any]) -> ModuleType | None:
    """The module with the words for what no build has made; None: a build has."""
    return imported if "imported" in inputs else merged if "merged" in inputs else None


def _of_a_build(contents: Contents) -> dict[str, Any]:
    manifest, inputs = contents.manifest, contents.manifest.inputs
    overrides = rebuild_overrides(before_labels(manifest))
    in_container = overrides is not None and described_source(inputs["expert"]).contained
    return {
        "summary": text.summary(contents),
        "collection": collection_table(manifest),
        "acceptance": text.acceptance(contents),
        "rebuild_promise": text.rebuild_promise(inputs, possible=overrides is not None),
        "rebuild": command(overrides) if overrides else None,
        "docker": docker_command(overrides) if overrides and in_container else None,
        "limits": limits(contents),
    }


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        with atomic_file(path) as file:
            file.write_bytes(content)
    except OSError as error:
        raise storage_error(error, path) from error
