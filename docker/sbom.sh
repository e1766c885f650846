#!/usr/bin/env bash
# docker/sbom.sh [IMAGE] > sbom.cdx.json: the image's packages, Python's and Debian's, as CycloneDX 1.5.
set -euo pipefail
exec "${DOCKER:-docker}" run --rm --interactive --network none --entrypoint python "${1:-il-builder}" \
    -I - < "$(dirname "${BASH_SOURCE[0]}")/sbom.py"
