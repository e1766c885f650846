#!/usr/bin/env bash
# docker/cluster.sh: a build by two workers of a cluster in containers has the fingerprint of one without any.
# DOCKER, COMPOSE, PYTHON: as for docker/smoke.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
read -r -a compose <<< "${COMPOSE:-docker compose}"
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d)
export PYTHONPATH=$root DATA=$work/data CLUSTER_IMAGE=il-builder:cluster
OWNER=$(id -u):$(id -g)
export OWNER
mkdir "$DATA"

in_compose() {
    "${compose[@]}" --file "$root/docker/compose.yaml" --project-name "il-builder-smoke-$$" --profile cluster "$@"
}
cleanup() {
    in_compose down --timeout 5 > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT
fail() { in_compose logs --tail 30; echo "cluster: FAILED: $*" >&2; exit 1; }

EXTRAS=huggingface-sb3,mujoco,box2d,dask "$root/docker/build.sh" "$CLUSTER_IMAGE"
in_compose up --detach --scale worker=2 2> "$work/up" || { cat "$work/up"; fail "up"; }
in_compose run --rm submit expert=cartpole episodes=200 > "$work/said" 2>&1 || { cat "$work/said"; fail "a build"; }
"$python" -m builder expert=cartpole episodes=200 out="$work/outside" > /dev/null 2>&1
diff -r --exclude=provenance.json --exclude='preview.*' "$DATA/cartpole" "$work/outside" || fail "the two differ"
echo "cluster: $(grep -o 'fingerprint [0-9a-f]*' "$work/said"), the same as outside"
