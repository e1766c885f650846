#!/usr/bin/env bash
# A container engine for a bare Debian machine that may reach package archives but no container registry; for CI.
# An ordinary machine with docker needs none of this. As root, safe to run again:
#
#     eval "$(docker/engine.sh)" && docker/build.sh && docker/smoke.sh
#
# Installs Debian's docker, starts a daemon with its own data and socket, and makes the base image from Debian packages
# and, on top, a builder image with this machine's certificates and the wheels of PIP_FIND_LINKS. All that is said goes
# to stderr; stdout has the `export` lines that docker/build.sh and docker/smoke.sh use. `docker/engine.sh stop` ends the
# daemon and keeps its images, `docker/engine.sh remove` keeps nothing.
set -euo pipefail
exec 3>&1 1>&2
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { echo "engine: $*"; }
fail() { say "$*"; exit 1; }

data=${ENGINE_DATA:-/var/lib/il-builder-engine}
run=${ENGINE_RUN:-/run/il-builder-engine}
client=/usr/bin/docker
base=il-builder-base:debian
builder=il-builder-base:builder
export DOCKER_HOST=unix://$run/docker.sock DOCKER_BUILDKIT=1
unset DOCKER_CONTEXT

[ "$(id -u)" = 0 ] || fail "needs root"
. /etc/os-release
[ "${ID:-}" = debian ] || fail "made for Debian, not for ${PRETTY_NAME:-this system}"
case ${1:-} in
    "" | stop | remove) ;;
    *) fail "there is no $1: nothing, stop or remove" ;;
esac
mkdir -p "$data" "$run"
exec 9>"$run/lock"
flock --timeout 600 9 || fail "another one is at work"

stop_daemon() {
    local pid waited
    pid=$(cat "$run/dockerd.pid" 2> /dev/null) || return 0
    [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = dockerd ] || return 0
    kill "$pid"
    for ((waited = 0; waited < 30; waited++)); do
        [ -d "/proc/$pid" ] || return 0
        sleep 1
    done
    fail "the daemon $pid does not end"
}

install_packages() {
    local attempt
    if [ -x "$client" ] && [ -x /usr/sbin/dockerd ] && command -v mmdebstrap docker-compose iptables > /dev/null; then
        return
    fi
    say "installing Debian's docker.io, docker-compose and mmdebstrap"
    for attempt in 1 2 3; do
        # The packages must not start a daemon of their own.
        if apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q --yes \
            --no-install-recommends docker.io docker-compose mmdebstrap iptables ca-certificates; then
            return
        fi
        say "apt-get failed (attempt $attempt of 3)"
        sleep $((5 * attempt))
    done
    fail "cannot install an engine"
}

answers() { timeout 20 "$client" info > /dev/null 2>&1; }

start_daemon() {
    local network pid waited free
    if answers; then
        return
    fi
    free=$(df --output=avail --block-size=1G "$data" | tail -n 1)
    [ "$free" -ge 12 ] || fail "$data has $free GB free, and the images and their layers need 12; ENGINE_DATA names another folder"
    started=yes
    for network in "" "--iptables=false --ip6tables=false"; do
        say "starting a daemon${network:+ with $network}"
        rm -f "$run/docker.sock"
        if [ -f "$run/dockerd.pid" ] && ! kill -0 "$(cat "$run/dockerd.pid")" 2> /dev/null; then
            rm -f "$run/dockerd.pid"
        fi
        # shellcheck disable=SC2086
        setsid /usr/sbin/dockerd --data-root "$data/docker" --exec-root "$run/exec" --pidfile "$run/dockerd.pid" \
            --host "$DOCKER_HOST" --oom-score-adjust 0 --exec-opt native.cgroupdriver=cgroupfs $network \
            < /dev/null > "$run/dockerd.log" 2>&1 3>&- 9>&- &
        pid=$!
        for ((waited = 0; waited < 120; waited++)); do
            if answers; then
                return
            fi
            kill -0 "$pid" 2> /dev/null || break
            sleep 1
        done
        kill "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
        say "no daemon; the end of its log:"
        tail -n 15 "$run/dockerd.log"
    done
    fail "the container engine does not start on this machine"
}

# The archive that this machine installs from, and none in the image.
make_base() {
    local attempt sources=()
    "$client" image inspect "$base" > /dev/null 2>&1 && return
    say "making the base image from Debian packages"
    for source in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if [ -s "$source" ]; then
            sources+=("$source")
        fi
    done
    for attempt in 1 2 3; do
        if SOURCE_DATE_EPOCH=315532800 mmdebstrap --quiet --mode=root --variant=minbase \
            --include=python3,python3-venv,python3-pip,ca-certificates \
            --aptopt='Acquire::Check-Valid-Until "false"' \
            --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap' \
            --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname' \
            "${VERSION_CODENAME:?}" "$data/base.tar" "${sources[@]}"; then
            "$client" import "$data/base.tar" "$base" > /dev/null
            rm -f "$data/base.tar"
            return
        fi
        say "mmdebstrap failed (attempt $attempt of 3)"
        sleep $((5 * attempt))
    done
    fail "cannot make the base image"
}

# Certificates and wheels of this machine, for the stages of the Dockerfile that do not reach the final image.
make_builder() {
    local context place places
    "$client" image inspect "$builder" > /dev/null 2>&1 && return
    say "making the builder image"
    context=$(mktemp -d "$data/context.XXXXXX")
    mkdir "$context/wheels"
    cp --dereference /etc/ssl/certs/ca-certificates.crt "$context/"
    places=${PIP_FIND_LINKS:-$(python3 -m pip config get global.find-links 2> /dev/null || true)}
    for place in $places; do
        place=${place#file://}
        if [ -d "$place" ]; then
            find "$place" -maxdepth 1 -name '*.whl' -exec cp --dereference {} "$context/wheels/" \;
        fi
    done
    cat > "$context/Dockerfile" << 'END'
ARG BASE
FROM ${BASE}
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY wheels /wheels
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_FIND_LINKS=/wheels PIP_DEFAULT_TIMEOUT=180 PIP_RETRIES=10
END
    if [ -n "${PIP_INDEX_URL:-}" ]; then
        echo "ENV PIP_INDEX_URL=$PIP_INDEX_URL" >> "$context/Dockerfile"
    fi
    "$client" build --quiet --network host --build-arg BASE="$base" --tag "$builder" "$context" \
        || fail "cannot make the builder image"
    rm -rf "$context"
}

# Only what is made here: ENGINE_DATA may be a folder that holds more.
remove_everything() {
    stop_daemon
    umount "$data/docker" 2> /dev/null || true # dockerd mounts it onto itself; one that was killed leaves that
    if [ -d "$data/docker" ]; then # who is killed in mid-removal must not leave half of it to the next daemon
        mv "$data/docker" "$(mktemp -d "$data/removed.XXXXXX")"
    fi
    rm -rf --one-file-system "$data"/removed.* "$data/base.tar" "$data"/context.*
    umount "$run"/exec/netns/* 2> /dev/null || true # the network of the host, which dockerd leaves mounted
    rm -rf --one-file-system "$run/exec" "$run/docker.sock" "$run/dockerd.log" # and not the lock, which others may await
    rmdir "$data" 2> /dev/null || true
}

case ${1:-} in
    stop) stop_daemon; exit ;;
    remove) remove_everything; exit ;;
esac
started=
# Whoever asked gets no lines to stop it with.
trap '[ $? = 0 ] || [ -z "$started" ] || stop_daemon' EXIT
install_packages
start_daemon
make_base
"$client" run --rm --network none "$base" true || fail "no container runs on this machine"
make_builder
cat >&3 << END
export DOCKER_HOST=$DOCKER_HOST DOCKER_BUILDKIT=1 DOCKER=$client COMPOSE=docker-compose ENGINE_STARTED=$started
export BASE_IMAGE=$base BUILDER_IMAGE=$builder BUILD_FLAGS="--network host"
END
# Else from the index that the Dockerfile names.
if "$client" run --rm --network none "$builder" sh -c 'ls /wheels/torch-*' > /dev/null 2>&1; then
    echo "export TORCH_INDEX=" >&3
fi
