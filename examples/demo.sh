#!/bin/sh
# The whole product on one machine: a Redis, a worker, calls from the command line and from a program of the original's style.
# Needs `prpc`, `redis-server` and a Python with redis-py on PATH, and the package `prpc` importable: `make demo` sees to that.
set -eu
cd "$(dirname "$0")/hello"
log=$(mktemp)
stubs=$(mktemp -d)
trap 'kill "$up" 2>/dev/null || true; wait "$up" 2>/dev/null || true; rm -rf "$log" "$stubs"' EXIT

show() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

printf '\033[1m$ prpc up -f prpcqueue.yaml &\033[0m\n'
prpc up -f prpcqueue.yaml >"$log" 2>&1 &
up=$!
until prpc call ping --timeout 1s >/dev/null 2>&1; do
    kill -0 "$up" 2>/dev/null || { cat "$log"; exit 1; }
done

show prpc functions
show prpc call add 1 2
show prpc call count_words "to be or not to be" --kw most=2
show prpc call fetch paris

PRPC_TYPE_BROKER=redis PRPC_QUEUE_NAME=hello
PRPC_URL_BROKER=$(prpc queue --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["broker"])')
export PRPC_TYPE_BROKER PRPC_QUEUE_NAME PRPC_URL_BROKER
show python3 client.py

# The original's client generates stubs and calls through them.
show python3 -m prpc.create_server_func --output "$stubs/server_func.py"
PYTHONPATH="$stubs:$PYTHONPATH" show python3 -c 'from server_func import add; print(add(1, b=2).sync_wait_result_task())'

# A burst: more workers at once, and fewer when it is over.
show python3 burst.py
waited=0
until grep -q 'scaled from [0-9]* to 1:' "$log" || [ $waited -gt 300 ]; do
    waited=$((waited + 1))
    sleep 0.1
done
grep 'scaled from' "$log"

show prpc queue
printf '\n\033[1m$ kill %%1   # calls that run are finished, everything ends\033[0m\n'
kill "$up"
wait "$up"
echo "ended with code $?"
