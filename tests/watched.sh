#!/bin/sh
# usage: watched.sh FOLDER COMMAND [argument ...]
# Becomes COMMAND, the same process, and leaves a watcher behind: a server of the tests ends with its owner, and so does FOLDER. The
# owner holds the other end of standard input. A line there says that the server is gone; an end without one that the owner is,
# however it ended.
folder=$1
shift
exec 3<&0
{
    read -r _ <&3 || {
        kill -9 $$
        # What it was writing may come after what is removed.
        rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
    }
} >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
