#!/usr/bin/env bash
# docker/build.sh [IMAGE]: builds the image, `il-builder` unless named otherwise. See docs/container.md.
# Read from the environment, each only where it is set:
#   BASE_IMAGE BUILDER_IMAGE EXTRAS TORCH_INDEX SOURCE_DATE_EPOCH REVISION   build arguments of the Dockerfile
#   DOCKER        the client: docker, podman, a path
#   BUILD_FLAGS   more flags for `docker build`, separated by blanks
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
image=${1:-il-builder}

if [ -z "${REVISION+set}" ] && commit=$(git rev-parse HEAD 2>/dev/null); then
    [ -z "$(git status --porcelain)" ] || commit+=-dirty # files that git does not know get into the image too
    REVISION=$commit
fi
flags=()
for name in BASE_IMAGE BUILDER_IMAGE EXTRAS TORCH_INDEX SOURCE_DATE_EPOCH REVISION; do
    if [ -n "${!name+set}" ]; then
        flags+=(--build-arg "$name=${!name}")
    fi
done
read -r -a more <<< "${BUILD_FLAGS:-}"
"${DOCKER:-docker}" build --tag "$image" "${flags[@]}" "${more[@]}" .
