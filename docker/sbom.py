"""Prints what is installed here as CycloneDX JSON, without times or random ids; docker/sbom.sh runs it."""

import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from urllib.parse import quote

FIELDS = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"


def python_packages() -> list[dict[str, object]]:
    """Every distribution that Python finds."""
    components = {}
    for distribution in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        component = {"type": "library", **_named(f"pkg:pypi/{name}", name, distribution.version)}
        license_name = distribution.metadata.get("License-Expression")
        if license_name:
            component["licenses"] = [{"expression": license_name}]
        components[name] = component
    return [components[name] for name in sorted(components)]


def system_packages() -> list[dict[str, object]]:
    """Debian's; none where there is no dpkg."""
    try:
        listed = subprocess.run(  # noqa: S603
            ["dpkg-query", "--show", f"--showformat={FIELDS}"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        return []
    rows = (line.split("\t") for line in sorted(listed.splitlines()))
    return [
        {"type": "library", **_named(f"pkg:deb/debian/{name}", name, version, f"?arch={architecture}")}
        for status, name, version, architecture in rows
        if status == "installed"
    ]


def _named(package: str, name: str, version: str, qualifiers: str = "") -> dict[str, object]:
    address = f"{package}@{quote(version, safe='')}{qualifiers}"
    return {"name": name, "version": version, "purl": address, "bom-ref": address}


def main() -> None:
    """The whole document."""
    image = os.environ.get("IL_BUILDER_IMAGE", "il-builder")
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "name": image, "bom-ref": image},
            "properties": [{"name": "python", "value": platform.python_version()}],
        },
        "components": [*python_packages(), *system_packages()],
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
