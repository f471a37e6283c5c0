"""A leaking function at 1 000 calls per second, with hosts that are replaced at a limit of memory.

    make soak [SECONDS=60] [WORKER=thread]

Prints a row each minute: memory of the runtime and of all its processes, processes so far (the template and the hosts),
and what became of the calls.
"""

from __future__ import annotations

import argparse
import sys
import time
from uuid import uuid4

from machine import ROOT, children, proportional_memory, redis_server, worker

sys.path.insert(0, str(ROOT / "python"))

from prpc.native import read_reply, write_message
from prpc.prpcmessage import PRPCMessage

QUEUE = "soak"
LIMIT_MIB = 100
STEPS = 20
"""Batches a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--binary", required=True, help="the program prpc")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--worker", default="thread", choices=["thread", "process"])
    options = parser.parse_args()
    settings = {"worker_type": options.worker, "concurrency": 4, "max_memory_per_child_mib": LIMIT_MIB}
    sent: list[str] = []
    """Keys of the replies that are to come."""
    answered = errors = 0
    processes: set[int] = set()
    with (
        redis_server() as server,
        worker(options.binary, "bench.ours.leaking:app", server, QUEUE, **settings) as runtime,
    ):
        print("  seconds  runtime MB  all MB  processes  answered  errors  open")
        began = time.monotonic()
        for step in range(options.seconds * STEPS):
            pipe = server.client.pipeline(transaction=False)
            for _ in range(options.rate // STEPS):
                message = PRPCMessage("leak", (len(sent),), {}, uuid4())
                pipe.xadd(f"prpc_{QUEUE}", {"message": write_message(message), "client": "prpc/1"})
                sent.append(f"prpc_feedback_{QUEUE}_{message.message_id}")
            pipe.execute()
            if step % STEPS == STEPS - 1:
                processes.update(children(runtime.pid))
                documents = server.client.mget(sent)
                found = [(key, read_reply(document)) for key, document in zip(sent, documents, strict=True) if document]
                answered += len(found)
                errors += sum(reply.exception_info is not None for _, reply in found)
                read = {key for key, _ in found}
                sent = [key for key in sent if key not in read]
                if read:
                    server.client.delete(*read)
            if step % (60 * STEPS) == 60 * STEPS - 1:
                memory = proportional_memory([runtime.pid]), proportional_memory([runtime.pid, *children(runtime.pid)])
                row = f"{(step + 1) // STEPS:>9}  {memory[0]:>10.1f}  {memory[1]:>6.1f}  {len(processes):>9}"
                print(f"{row}  {answered:>8}  {errors:>6}  {len(sent):>4}", flush=True)
            time.sleep(max(0.0, began + (step + 1) / STEPS - time.monotonic()))


if __name__ == "__main__":
    main()
