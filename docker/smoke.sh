#!/usr/bin/env bash
# docker/smoke.sh: checks the image `il-builder` for what docs/container.md promises, against builds without a container.
# DOCKER, COMPOSE: the clients; PYTHON: one that has il-builder's packages (.venv/bin/python).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
client=${DOCKER:-docker}
python=${PYTHON:-$root/.venv/bin/python}
export PYTHONPATH=$root
hardened=(--network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges)
work=$(mktemp -d)
name=il-builder-smoke-$$
hub=

cleanup() {
    "$client" rm --force "$name" > /dev/null 2>&1 || true
    [ -z "$hub" ] || kill "$hub" 2> /dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

say() { echo "smoke: $*"; }
fail() { echo "smoke: FAILED: $*" >&2; exit 1; }
docker() { "$client" "$@"; }
builder() { docker run --rm --user "$(id -u):$(id -g)" -v "$work/data:/data" il-builder "$@"; }
outside() { "$python" -m builder "$@"; }
fingerprint() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["fingerprint"])' "$1/manifest.json"; }
same() { # two dataset folders: every byte, but what describes the machine or is drawn by it
    diff -r --exclude=provenance.json --exclude='preview.*' "$1" "$2" || fail "$1 and $2 differ"
}
exit_code() { local code=0; "$@" > "$work/said" 2>&1 || code=$?; echo "$code"; }
open_to_all() { mkdir -p "$1" && chmod 1777 "$1"; }
mkdir "$work/data"
chmod 755 "$work"

say "the line of the README, as it stands there"
line=$(grep -m 1 '^mkdir -p data && docker run ' "$root/README.md")
mkdir "$work/first" "$work/outside"
(cd "$work/first" && eval "$line") > "$work/said" 2>&1 || { cat "$work/said"; fail "$line"; }
built=$work/first/data/cartpole
[ -z "$(find "$work/first/data" ! -uid "$(id -u)")" ] || fail "not all of it is owned by the caller"
(cd "$work/outside" && outside expert=cartpole episodes=1000) > /dev/null 2>&1
same "$built" "$work/outside/data/cartpole"
"$python" - "$built" << 'END'
import sys
from datasets import load_dataset
assert load_dataset(sys.argv[1], split="train", cache_dir=sys.argv[1] + "/../cache").num_rows == 500_000
END
say "fingerprint inside and outside: $(fingerprint "$built")"

say "the dataset names its image"
label=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' il-builder)
grep -qF "\"image\": \"il-builder:$label\"" "$built/provenance.json" || fail "provenance.json: $(cat "$built/provenance.json")"
grep -qF "mkdir -p data && docker run --rm" "$built/README.md" || fail "the card has no line for a container"

say "hardened, as uid 10001 and as any other"
outside expert=cartpole episodes=20 out="$work/outside/twenty" > /dev/null 2>&1
for user in "" 12345:23456; do
    folder=$work/hardened-${user%:*}
    open_to_all "$folder"
    docker run --rm "${hardened[@]}" ${user:+--user "$user"} -v "$folder:/data" il-builder expert=cartpole episodes=20 \
        > "$work/said" 2>&1 || { cat "$work/said"; fail "hardened as ${user:-its own user}"; }
    same "$folder/cartpole" "$work/outside/twenty"
    owner=$(stat -c %u "$folder/cartpole/manifest.json")
    [ "$owner" = "$([ -n "$user" ] && echo 12345 || echo 10001)" ] || fail "owned by $owner"
done

say "a preview and a film, without a screen"
folder=$work/hardened-
[ -s "$folder/cartpole/assets/preview.webp" ] || fail "there is no preview"
docker run --rm "${hardened[@]}" -v "$folder:/data" il-builder render cartpole to=mp4 to.path=/data/film.mp4 \
    > "$work/said" 2>&1 || { cat "$work/said"; fail "a film"; }
[ -s "$folder/film.mp4" ] || fail "there is no film"
docker run --rm "${hardened[@]}" -v "$folder:/data" il-builder expert=random env.id=HalfCheetah-v5 \
    env.max_episode_steps=5 episodes=1 out=/data/cheetah > "$work/said" 2>&1 || { cat "$work/said"; fail "HalfCheetah"; }
[ "$(exit_code docker run --rm "${hardened[@]}" -v "$folder:/data" il-builder render cheetah)" = 1 ] \
    || fail "MuJoCo draws in an image without OpenGL"
grep -q "libosmesa6" "$work/said" || { cat "$work/said"; fail "what MuJoCo lacks is not named"; }

say "nothing is written outside /data and /tmp"
open_to_all "$work/plain"
docker run --name "$name" -v "$work/plain:/data" il-builder expert=pendulum episodes=2 > "$work/said" 2>&1
strays=$(docker diff "$name" | grep -vE '^[AC] /(tmp|data)(/|$)' || true)
[ -z "$strays" ] || fail "$strays"
docker rm "$name" > /dev/null
if grep -q $'\e' "$work/said"; then fail "a log without a terminal has escape codes"; fi
grep -q "accepted" "$work/said" || fail "a log without a terminal says nothing"

say "a start"
seconds=$(docker run --rm --entrypoint bash il-builder -c 'TIMEFORMAT="%U+%S"
    time il-builder expert=cartpole episodes=1 > /dev/null 2>&1' 2>&1)
say "one episode from start to end: $seconds s of processor time"
"$python" -c 'import sys; sys.exit(sum(map(float, sys.argv[1].split("+"))) >= 6)' "$seconds" || fail "slow"

say "overrides, a sweep, verbs"
builder expert=pendulum episodes=20 rollout.lanes=4 > /dev/null 2>&1 || fail "rollout.lanes=4"
outside expert=pendulum episodes=20 out="$work/outside/pendulum" > /dev/null 2>&1
same "$work/data/pendulum" "$work/outside/pendulum"
line=$(sed -n '/^mkdir -p data && docker run/,/^```/p' "$work/outside/pendulum/README.md" | grep -v '^```')
mkdir "$work/card"
(cd "$work/card" && eval "$line") > "$work/said" 2>&1 || { cat "$work/said"; fail "the line of the card: $line"; }
same "$work/card/data/pendulum" "$work/outside/pendulum"
builder -m expert=cartpole,acrobot episodes=5 > /dev/null 2>&1 || fail "a sweep"
[ -f "$work/data/cartpole/manifest.json" ] && [ -f "$work/data/acrobot/manifest.json" ] || fail "a sweep left too little"
builder build --help > "$work/said" || fail "--help"
grep -q episodes "$work/said" || fail "--help: $(cat "$work/said")"
builder experts > "$work/said" || fail "experts"
grep -q cartpole "$work/said" || fail "experts: $(cat "$work/said")"
if [ -f "$root/conf/verify.yaml" ]; then
    builder verify out=/data/acrobot > "$work/said" 2>&1 || { cat "$work/said"; fail "verify"; }
fi

say "exit codes"
[ "$(exit_code builder expert=cartpole episodes=2 threshold=501 max_attempts=2 out=/data/no)" = 1 ] || fail "not 1: $(cat "$work/said")"
[ "$(exit_code builder nonsense)" = 2 ] || fail "not 2: $(cat "$work/said")"

say "push to a Hub on the host's loopback"
PYTHONPATH=$root/tests/servers "$python" -u -c '
import signal
from hub_server import HubServer
with HubServer() as hub:
    print(hub.url)
    signal.pause()' > "$work/hub" 2> "$work/hub.log" &
hub=$!
for _ in $(seq 1200); do
    [ -s "$work/hub" ] && break
    sleep 0.1
done
docker run --rm --network host --user "$(id -u):$(id -g)" -e HF_ENDPOINT="$(cat "$work/hub")" -e HF_TOKEN=hf_writer \
    -v "$work/data:/data" il-builder push out=/data/acrobot hub.repo_id=user/acrobot > "$work/said" 2>&1 \
    || { cat "$work/said" "$work/hub.log"; fail "push"; }
grep -q "pushed" "$work/said" || fail "push: $(cat "$work/said")"

at_a_terminal='import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
pressed = False
while True:
    if not pressed and os.path.exists(sys.argv[1]):
        pressed = os.write(terminal, b"\x03") == 1
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            os.write(1, os.read(terminal, 65536))
        except OSError:
            break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))'

# Ends within 5 s with code 130, keeps what was played, and the next run goes on.
interrupted() { # `stop`: docker stop; `ctrl-C`: at a terminal, below docker's init
    local folder=$work/interrupted-$1 started took code=0
    local command=(il-builder expert=cartpole episodes=50000)
    open_to_all "$folder"
    if [ "$1" = stop ]; then
        docker run --name "$name" -v "$folder:/data" "${command[@]}" > "$work/said" 2>&1 &
    else
        "$python" -c "$at_a_terminal" "$work/press" "$client" run --init --interactive --tty --name "$name" \
            -v "$folder:/data" "${command[@]}" > "$work/said" 2>&1 < /dev/null &
    fi
    for _ in $(seq 3000); do
        [ -n "$(find "$folder/.cartpole.chunks" -type f -size +8k 2> /dev/null)" ] && break
        sleep 0.1
    done
    started=$(date +%s%N)
    if [ "$1" = stop ]; then docker stop --time 10 "$name" > /dev/null; else touch "$work/press"; fi
    wait $! || code=$?
    took=$((($(date +%s%N) - started) / 1000000))
    [ "$code" = 130 ] || fail "$1 gives $code: $(cat "$work/said")"
    [ "$took" -lt 5000 ] || fail "$1 takes $took ms"
    if [ "$1" != stop ]; then grep -q $'\e' "$work/said" || fail "no bar at a terminal"; fi
    docker rm "$name" > /dev/null
    find "$folder/.cartpole.chunks" -type f -size +8k -printf '%f %T@\n' | sort > "$work/kept"
    [ -s "$work/kept" ] || fail "$1 keeps nothing"
    docker run --rm -v "$folder:/data" il-builder expert=cartpole episodes=20 > /dev/null 2>&1 || fail "no run after $1"
    same "$folder/cartpole" "$work/outside/twenty"
    find "$folder/.cartpole.chunks" -type f -size +8k -printf '%f %T@\n' | sort > "$work/left"
    [ -n "$(comm -12 "$work/left" "$work/kept")" ] || fail "what was kept was played again"
    say "$1: 130 after $took ms"
}
interrupted stop
interrupted ctrl-C

say "the list of its contents"
"$root/docker/sbom.sh" > "$work/sbom"
"$python" - "$work/sbom" << 'END'
import json, sys
names = {component["name"] for component in json.load(open(sys.argv[1]))["components"]}
assert {"il-builder", "torch", "mujoco", "box2d"} <= names, names
assert not {"hatchling", "pytest", "gcc"} & names
END

size=$(docker image inspect --format '{{.Size}}' il-builder)
[ "$size" -lt 1600000000 ] || fail "the image has $size bytes"
say "passed; the image has $((size / 1000000)) MB"
