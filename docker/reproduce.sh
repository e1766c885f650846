#!/usr/bin/env bash
# docker/reproduce.sh: builds the image a second time without any cache, and compares the files of the two, their
# modes and `pip freeze`; takes as long as a first build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
client=${DOCKER:-docker}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

list() {
    "$client" run --rm --user 0 --network none --entrypoint sh "$1" -c '
        python -m pip freeze --all
        find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /etc/hostname -o -path /etc/hosts \
            -o -path /etc/resolv.conf \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        find / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -printf "%M %U %G %p %l\n" | sort'
}

docker/build.sh il-builder
BUILD_FLAGS="${BUILD_FLAGS:-} --no-cache" docker/build.sh il-builder:again
list il-builder > "$work/first"
list il-builder:again > "$work/again"
diff "$work/first" "$work/again" || { echo "reproduce: FAILED: the two images differ" >&2; exit 1; }
"$client" image rm il-builder:again > /dev/null
echo "reproduce: $(grep -c '^[0-9a-f]\{64\} ' "$work/first") files, the same in both"
