"""An agent that stays and speaks the Agent Client Protocol, as far as the page needs one: it tells a
plan, calls a tool, says that it used something, and waits until the file that its prompt names is
there."""

import json
import os
import sys
import time


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def work(session, folder, prompt):
    def tell(what, **members):
        send({"method": "session/update",
              "params": {"sessionId": session, "update": {"sessionUpdate": what, **members}}})

    def plan(status):
        tell("plan", entries=[
            {"content": "look <b>around</b>", "status": "completed", "priority": "high"},
            {"content": "write it", "status": status, "priority": "medium"}])

    plan("in_progress")
    tell("tool_call", toolCallId="1", title="Write <i>made.txt</i>", kind="edit", status="in_progress",
         locations=[{"path": folder + "/made.txt"}])
    tell("usage_update", used=10, size=100, cost={"amount": 0.25, "currency": "USD"})
    tell("agent_message_chunk", content={"type": "text", "text": "waiting\n"})
    gate = prompt.split("gate:", 1)[1].split()[0]
    while not os.path.exists(gate):
        time.sleep(0.02)
    with open(folder + "/made.txt", "w", encoding="utf-8") as file:
        file.write("made\n")
    tell("tool_call_update", toolCallId="1", status="completed")
    tell("tool_call", toolCallId="2", title="Left open", kind="think", status="pending")
    plan("completed")


folders = {}
for line in sys.stdin:
    message = json.loads(line)
    asked = message.get("params") or {}
    if message.get("method") == "initialize":
        send({"id": message["id"], "result": {"protocolVersion": 1}})
    elif message.get("method") == "session/new":
        folders["s"] = asked["cwd"]
        send({"id": message["id"], "result": {"sessionId": "s"}})
    elif message.get("method") == "session/prompt":
        work("s", folders["s"], asked["prompt"][0]["text"])
        send({"id": message["id"], "result": {"stopReason": "end_turn"}})
