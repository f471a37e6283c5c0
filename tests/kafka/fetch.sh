#!/bin/sh
# Fetches Apache Kafka for the tests, and prepares what makes its starts quick; does both once. Needs Java 17 and Maven.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</.*:\1:p' "$here/pom.xml")
kafka=${XDG_CACHE_HOME:-$HOME/.cache}/prpc/kafka/$version
# A folder appears complete or not at all, also when two runs make it at once: the second to come throws its own away.
part=$kafka.part.$$
trap 'rm -rf "$part"' EXIT
put() { mv -T "$1" "$2" 2>/dev/null || [ -d "$2" ]; }

if [ ! -d "$kafka" ]; then
    mkdir -p "$part"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$part"
    put "$part" "$kafka"
fi

if [ ! -d "$kafka/prepared" ]; then
    mkdir -p "$part/node" "$part/prepared"
    # shellcheck disable=SC2046 # three words
    set -- $(python3 -c 'import socket; held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]; print(*(s.getsockname()[1] for s in held))')
    listeners="CLIENTS://127.0.0.1:$1,INTERNAL://127.0.0.1:$2"
    cat "$here/node.properties" - >"$part/node/server.properties" <<END
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
listeners=$listeners,CONTROLLER://127.0.0.1:$3
advertised.listeners=$listeners
log.dirs=$part/node/data
END
    # A node that ends in order leaves its classes behind as the JVM has them in memory: half of the time that a start takes.
    log=$part/node/log
    sh "$here/node.sh" "$part/node" -XX:ArchiveClassesAtExit="$part/prepared/classes.jsa" >"$log" 2>&1 &
    node=$!
    until grep -q "Kafka Server started" "$log"; do
        kill -0 $node 2>/dev/null || { cat "$log" >&2; exit 1; }
        sleep 0.2
    done
    cp "$part/node/data/bootstrap.checkpoint" "$part/prepared/"
    kill $node
    wait $node || true
    put "$part/prepared" "$kafka/prepared"
fi
