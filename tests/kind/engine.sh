#!/usr/bin/env bash
# usage: engine.sh start|stop
# A Docker engine beside whatever else runs here: own socket, data, bridge and address pool. Needs root. Images outlive `stop`.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export DOCKER_HOST=$engine_host
bridge=prpckind0
answers() { "$cache/bin/docker" version >/dev/null 2>&1; }

case ${1:-} in
start)
    # Debian's own client: a newer one builds images only with a plugin.
    ln -sfn /usr/bin/docker "$cache/bin/docker"
    ! answers || exit 0
    mkdir -p "$engine"
    install -m 755 "$here/runc-nocap" "$engine/runc-nocap"
    ip link show $bridge >/dev/null 2>&1 || { ip link add $bridge type bridge && ip addr add 172.29.0.1/24 dev $bridge; }
    ip link set $bridge up
    # Of an engine that was killed; its number may be another process's by now.
    rm -f "$engine/pid"
    # An engine that turns forwarding on itself also makes DROP the policy of the chain FORWARD.
    echo 1 >/proc/sys/net/ipv4/ip_forward
    setsid nohup "$(PATH=$PATH:/usr/sbin command -v dockerd)" --host "$DOCKER_HOST" --data-root "$engine/data" --exec-root "$engine/exec" \
        --pidfile "$engine/pid" --bridge $bridge --default-address-pool base=172.28.0.0/16,size=24 \
        --add-runtime "nocap=$engine/runc-nocap" --default-runtime nocap </dev/null >"$engine/log" 2>&1 &
    for _ in $(seq 150); do
        ! answers || exit 0
        sleep 0.2
    done
    tail -n 5 "$engine/log" >&2
    fail "the Docker engine does not start; its log: $engine/log"
    ;;
stop)
    if answers; then
        "$cache/bin/docker" network rm kind >/dev/null 2>&1 || true
        pid=$(cat "$engine/pid")
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    fi
    ip link del $bridge 2>/dev/null || true
    ;;
*) fail "usage: engine.sh start|stop" ;;
esac
