#!/bin/sh
# usage: node.sh FOLDER [JVM option ...]
# Becomes the Kafka node of FOLDER/server.properties, with its data in FOLDER/data, which is made when it is missing. It
# listens when it logs "Kafka Server started". FOLDER/scram may have users of SASL/SCRAM, one option of Kafka's storage tool a line.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</.*:\1:p' "$here/pom.xml")
kafka=${XDG_CACHE_HOME:-$HOME/.cache}/prpc/kafka/$version
prepared=$kafka/prepared
cluster=prpcTestClusterAAAAAAA
[ -f "$kafka/kafka_2.13-$version.jar" ] || { echo "Apache Kafka is missing in $kafka: run tests/kafka/fetch.sh" >&2; exit 1; }
jars=$(printf '%s:' "$kafka"/*.jar)
cd "$1"
shift
set -- -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
    "-Dlog4j2.configurationFile=$here/log4j2.properties" "$@" -cp "$jars"

if [ ! -f data/meta.properties ]; then
    mkdir -p data
    if [ -f scram ] || [ ! -f "$prepared/bootstrap.checkpoint" ]; then
        # shellcheck disable=SC2046 # a list of words
        java "$@" kafka.tools.StorageTool format -t $cluster -c server.properties $(cat scram 2>/dev/null)
    else
        # What the tool writes, without the second that it takes. Only the node's number differs.
        cp "$prepared/bootstrap.checkpoint" data/
        id=$(sed -n 's/^node.id=//p' server.properties)
        printf 'version=1\ncluster.id=%s\nnode.id=%s\ndirectory.id=prpcTestNodeFolderA%sAA\n' $cluster "$id" "$id" >data/meta.properties
    fi
fi
[ ! -f "$prepared/classes.jsa" ] || set -- "-XX:SharedArchiveFile=$prepared/classes.jsa" "$@"
exec java "$@" kafka.Kafka server.properties
