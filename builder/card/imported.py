"""What the card of an imported dataset says in place of what that of a build does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.card.collection import labels_again, mapping_of, relabelling
from builder.card.contents import Contents
from builder.card.limits import imported_limits
from builder.card.markdown import code, count_of, table

SHOWN_FILES = 8
"""So many files that were imported are listed."""


def title(inputs: Mapping[str, Any]) -> str:
    """What the dataset is called, as Markdown."""
    environment = inputs.get("environment")
    return f"{code(environment['id'])}: imported trajectories" if environment else "Imported trajectories"


def sections(contents: Contents) -> dict[str, Any]:
    """Its own sections, by their names in the template."""
    inputs = contents.manifest.inputs
    source = code(inputs["imported"]["format"])
    return {
        "summary": f"{contents.amount}, imported from files of the format {source}.",
        "collection": _origin(inputs["imported"], inputs),
        "acceptance": "All that the files held is here; what was left out, only their author knows.",
        "imported": True,
        "rebuild_promise": f"With the files above, `il-builder import from={inputs['imported']['format']}"
        f" path=...` gives it again{labels_again(inputs)}.",
        "limits": imported_limits(contents),
    }


def _origin(imported: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """What was imported, as its source tells it, and the sha256 of each file."""
    environment = inputs.get("environment")
    files, unnamed = imported["files"], "not named by the source"
    rows = [
        ("format", code(imported["format"])),
        ("environment", code(environment["id"]) if environment else unnamed),
        ("its keyword arguments", mapping_of(environment["kwargs"]) if environment else ""),
        ("who played", code(imported["policy"]) if imported.get("policy") else unnamed),
        ("authors", ", ".join(code(name) for name in imported.get("authors", ()))),
        ("in its own words", code(imported["about"]) if "about" in imported else ""),
        ("exported from the dataset", code(imported["exported_from"]) if "exported_from" in imported else ""),
        *((f"sha256 of {code(file['name'])}", code(file["sha256"])) for file in files[:SHOWN_FILES]),
    ]
    if (more := len(files) - SHOWN_FILES) > 0:
        rows.append(("and", f"{count_of(more, 'more file')}, in `manifest.json`"))
    rows.extend(relabelling(inputs))
    return table(("what", "value"), [(what, value) for what, value in rows if value])
