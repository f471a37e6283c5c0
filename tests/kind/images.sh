#!/usr/bin/env bash
# Builds the images from the Dockerfiles, with binaries that cargo has made, and loads into the cluster what it does not have.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
[ -f "$cache/env" ] || fail "there is no cluster: run tests/kind/up.sh"
# shellcheck source=/dev/null
. "$cache/env"
export DOCKER_BUILDKIT=1
release=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/prpc/target}/release
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml" | head -n 1)
images=(redis:7)

"$here/base-images.sh"
docker image inspect redis:7 >/dev/null 2>&1 || docker pull --quiet redis:7
mkdir -p "$repo/dist"
for part in operator runtime; do
    [ -f "$release/prpc-$part" ] ||
        fail "missing: $release/prpc-$part. Build it: cargo build --release --locked -p prpc-operator -p prpc-runtime"
    install -s -m 755 "$release/prpc-$part" "$repo/dist/"
    docker build --quiet --build-arg SOURCE=prebuilt --build-arg VERSION="$version" --build-arg PYTHONS= \
        --file "$repo/$part/Dockerfile" --tag "prpc-$part:dev" "$repo" >/dev/null
    images+=("prpc-$part:dev")
done
# Two tags of one image: what is updated from one to the other.
docker build --quiet --file "$here/function/Dockerfile" --target plain \
    --tag prpc-function:dev --tag prpc-function:next "$repo" >/dev/null
# What the wheel has in it, where pip would put it.
wheel=$(find "${XDG_CACHE_HOME:-$HOME/.cache}/prpc/wheels" -name 'prpc-[0-9]*.whl' 2>/dev/null | head -n 1)
[ -n "$wheel" ] || fail "missing: the wheel. Build it: make wheel"
rm -rf "$repo/dist/wheel"
python3 -m zipfile -e "$wheel" "$repo/dist/wheel"
mkdir "$repo/dist/wheel/bin"
install -m 755 "$repo"/dist/wheel/prpc-*.data/scripts/prpc "$repo/dist/wheel/bin/"
rm -r "$repo"/dist/wheel/prpc-*
docker build --quiet --file "$here/function/Dockerfile" --tag prpc-function:bundled "$repo" >/dev/null
# What the guide applies as it stands.
docker build --quiet --tag registry.example.com/hello:1.0.0 "$repo/examples/hello" >/dev/null
# The jars, and what makes a start quick, as far as it does not depend on where they are.
"$repo/tests/kafka/fetch.sh"
rm -rf "$repo/dist/kafka"
cp -r "${XDG_CACHE_HOME:-$HOME/.cache}/prpc/kafka" "$repo/dist/kafka"
rm -f "$repo"/dist/kafka/*/prepared/classes.jsa
docker build --quiet --file "$here/kafka/Dockerfile" --tag prpc-kafka:dev "$repo" >/dev/null
images+=(prpc-function:dev prpc-function:next prpc-function:bundled registry.example.com/hello:1.0.0 prpc-kafka:dev)

# What is loaded stands in the node, and goes with it.
list=/var/lib/prpc-images
loaded=$(docker exec $node cat $list 2>/dev/null || true)
wanted=$(for image in "${images[@]}"; do docker image inspect --format "$image {{.Id}}" "$image"; done)
mapfile -t missing < <(grep -vxF -e "${loaded:-none}" <<<"$wanted" | cut -d ' ' -f 1)
if [ ${#missing[@]} -gt 0 ]; then
    echo "loading ${missing[*]}"
    kind load docker-image --name $cluster "${missing[@]}"
    docker exec -i $node tee $list <<<"$wanted" >/dev/null
fi
