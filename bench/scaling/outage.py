"""What the scaling does while something that it needs is away, and how soon it goes on when it is back."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from cluster import Namespace, Object, Refused, kubectl, queue, wait_for
from inside import Inside
from installed import redis_namespace
from record import Figures, Run

from prpc.native import write_message
from prpc.prpcmessage import PRPCMessage

AT_WORK = 3
"""Pods that have work all the time."""
SLOTS = 4
SETTINGS: Object = {
    "minReplicas": 0,
    "maxReplicas": 5,
    "idleSeconds": 0,
    "pollIntervalSeconds": 2,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}
SHORT = 60.0
"""Seconds for which all but the broker is away."""
BETWEEN = 120.0
"""Seconds that all else takes, at most."""
PAUSE = 0.2
"""Seconds between two looks at the Deployments."""
NODE = "prpc-control-plane"
MANIFESTS = "/etc/kubernetes"


@dataclass
class Away:
    """Something that is taken away and given back."""

    name: str
    seconds: float
    take: Callable[[], None]
    give: Callable[[], None]
    is_back: Callable[[], bool]


def outage(_seed: int, seconds: float) -> Run:
    """One queue has work for three pods. Another sleeps, and gets a call while something is away."""
    figures: Figures = {}
    long = f"{seconds + 2 * SHORT + 4 * BETWEEN:.0f}s"
    with redis_namespace("bench-outage") as place:
        redis = Inside(place, "redis", "redis-server")
        place.apply(queue("asleep", scaling=SETTINGS))
        place.apply(queue("busy", scaling=SETTINGS, worker={"timeout": long}, rollout={"drainTimeout": long}))
        for name in ("asleep", "busy"):
            place.wait_ready(name, "ScaledToZero")
        for _ in range(AT_WORK * SLOTS):
            send(redis, "busy", "nap", float(long[:-1]) - BETWEEN)
        wait_for("pods at work", lambda: place.get("pq", "busy")["status"].get("readyReplicas") == AT_WORK)
        for away in (broker(place, redis, seconds), password(redis), api_server(redis)):
            place.wait_ready("asleep", "ScaledToZero")
            figures |= {f"{away.name}, {name}": value for name, value in measured(place, redis, away).items()}
        # Their calls would last some minutes more.
        place.kubectl("delete", "pq", "--all", "--wait=false")
        place.kubectl("delete", "pods", "--all", "--grace-period=0", "--force")
    return Run(figures)


def measured(place: Namespace, redis: Inside, away: Away) -> Figures:
    """One outage."""
    with looked(place) as looks:
        away.take()
        try:
            time.sleep(away.seconds)
            reply = send(redis, "asleep", "add", 1, 2)
        finally:
            gave = time.time()
            away.give()
        wait_for(f"{away.name}: it is back", away.is_back)
        back = time.time()
        wait_for("the answer", lambda: redis.run("redis-cli", "EXISTS", reply) == "1")
        answered = time.time()
        wait_for("replicas", lambda: any(replicas for at, replicas in looks["asleep"] if at > gave))
    woken = next(at for at, replicas in looks["asleep"] if replicas and at > gave)
    kept = [replicas for replicas, _ in itertools.groupby(replicas for _, replicas in looks["busy"])]
    return {
        "seconds": away.seconds,
        f"changes of {AT_WORK} replicas": len(kept) - 1,
        "replicas of the sleeping queue": max((count for at, count in looks["asleep"] if at <= gave), default=0),
        "back to replicas s": max(0.0, woken - back),
        "back to answer s": max(0.0, answered - back),
    }


def send(redis: Inside, name: str, function: str, *args: object) -> str:
    """A call; returns the name of its reply."""
    message = PRPCMessage(function, args, {}, uuid4())
    redis.run("redis-cli", "XADD", f"prpc_{name}", "*", "message", write_message(message))
    return f"prpc_feedback_{name}_{message.message_id}"


def broker(place: Namespace, redis: Inside, seconds: float) -> Away:
    """Its Service leads nowhere and all connections are cut; the calls stay, as they would on a disk."""

    def lead_to(app: str) -> None:
        place.patch("service", "redis", {"spec": {"selector": {"app": app}}})

    def cut() -> None:
        lead_to("nobody")
        redis.run("redis-cli", "CLIENT", "KILL", "TYPE", "normal")

    def leads_somewhere() -> bool:
        return bool(place.get("endpoints", "redis").get("subsets"))

    return Away("broker away", seconds, cut, partial(lead_to, "redis"), leads_somewhere)


def password(redis: Inside) -> Away:
    """Redis asks for one that no queue has."""

    def ask_for(word: str) -> None:
        redis.run("redis-cli", "CONFIG", "SET", "requirepass", word)
        redis.password = word
        redis.run("redis-cli", "CLIENT", "KILL", "TYPE", "normal")

    return Away("password wrong", SHORT, partial(ask_for, "s3cret"), partial(ask_for, ""), lambda: True)


def api_server(pod: Inside) -> Away:
    """The kubelet ends it as soon as its manifest is not in its folder. Pods reach it later than this machine does."""
    address = kubectl("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}")

    def move(source: str, target: str) -> None:
        command = ["docker", "exec", NODE, "mv", f"{MANIFESTS}/{source}", f"{MANIFESTS}/{target}"]
        subprocess.run(command, check=True)

    def answers() -> bool:
        with suppress(subprocess.CalledProcessError):
            return pod.run("curl", "-sk", "--max-time", "1", f"https://{address}/readyz") == "ok"
        return False

    def stop() -> None:
        move("manifests/kube-apiserver.yaml", "kube-apiserver.yaml")
        wait_for("the API server is away", lambda: not answers())

    def start() -> None:
        move("kube-apiserver.yaml", "manifests/kube-apiserver.yaml")

    return Away("API server away", SHORT, stop, start, answers)


@contextmanager
def looked(place: Namespace) -> Iterator[dict[str, list[tuple[float, int]]]]:
    """How many pods each queue is to have, again and again as long as the API server answers."""
    looks: dict[str, list[tuple[float, int]]] = {"busy": [], "asleep": []}
    over = threading.Event()

    def look() -> None:
        while not over.wait(PAUSE):
            with suppress(Refused):
                for deployment in place.objects("deployments"):
                    name = deployment["metadata"]["name"].removesuffix("-worker")
                    if name in looks:
                        looks[name].append((time.time(), int(deployment["spec"]["replicas"])))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield looks
    finally:
        over.set()
        looker.join()
