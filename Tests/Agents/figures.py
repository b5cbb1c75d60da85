"""Figures of agents, a line of JSON each: from dispatch to an agent's prompt or start, and a worker's
own memory while an agent writes 100 MB."""

import datetime
import json
import re
import statistics
import sys

import support
from support import HERE, Server, session_agent, until

AGENTS = session_agent("stays", HERE / "worker_agent.py") + """  starts:
    command: [sh, -c, "date +%s.%N > made.txt", sh, "{{prompt}}"]
    prompt: argument
  loud:
    command:
      - sh
      - -c
      - >-
        yes '{"type":"x","text":"a line that says nothing much and goes on for a while"}' |
        head -c 100000000; echo; echo '{"type":"result","cost":0.5}'; echo made > made.txt
      - sh
      - "{{prompt}}"
    prompt: argument
    success: {signs: [{json: {type: result}}]}
    usage: [{json: {type: result}, read: {cost: cost}}]
"""
ROUNDS = 15


def tell(name, value, unit, target):
    print(json.dumps({
        "name": name, "value": value, "unit": unit, "limit": target,
        "ratio": round(value / target, 3), "target": target, "met": value <= target}), flush=True)
    return value <= target


def span(server, ended, heard):
    """Milliseconds from the dispatch to a moment, in seconds since 1970."""
    given = next(event["time"] for event in server.events(ended["id"])
                 if event["type"] == "delegation.dispatched")
    return (heard - datetime.datetime.fromisoformat(given.replace("Z", "+00:00")).timestamp()) * 1000


def work(server, agent, objective):
    ended = server.end(server.submit(agent, objective))
    if ended["state"] != "Pushed":
        raise AssertionError(ended["failure"])
    return ended


def memory(process):
    """The most that a process held at once, in MB."""
    with open(f"/proc/{process}/status", encoding="utf-8") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1000


def main():
    support.PATIENCE_S = 600
    server = Server(AGENTS)
    met = []
    try:
        until(lambda: server.api("api/workers")[1]["items"])
        spans = []
        for _ in range(ROUNDS + 1):
            ended = work(server, "stays", "edit")
            heard = float(re.search(r"heard ([\d.]+)", server.output(ended["id"]))[1])
            spans.append(span(server, ended, heard))
        # The first one starts the agent and clones the repository.
        met.append(tell("prompt-after-dispatch", round(statistics.median(spans[1:])), "ms", 100))
        print(f"all: {[round(one) for one in spans]}", file=sys.stderr)
        spans = []
        for _ in range(ROUNDS):
            ended = work(server, "starts", "x")
            spans.append(span(server, ended, float(server.file(ended["branchName"], "made.txt"))))
        met.append(tell("start-after-dispatch", round(statistics.median(spans)), "ms", 300))
        print(f"all: {[round(one) for one in spans]}", file=sys.stderr)
        lock = server.folder / "data" / "workers" / "worker-1" / "lock"
        process = int(lock.read_text().split()[-1])
        before = memory(process)
        ended = work(server, "loud", "x")
        if ended["attempts"][0]["figures"]["usage"] != "$0.5000":
            raise AssertionError(ended["attempts"])
        met.append(tell("worker-memory-at-100-mb", round(memory(process), 1), "MB", 40))
        print(f"before: {round(before, 1)} MB", file=sys.stderr)
    finally:
        server.close()
    sys.exit(0 if all(met) else 1)


main()
