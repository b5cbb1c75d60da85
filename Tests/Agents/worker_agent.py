"""An agent on the Agent Client Protocol's own library, which checks each message that it gets. It
does what its prompt's words say, one after the other:

    plan tool usage think secret    tells of it
    edit                            asks whether it may, and writes made.txt
    client                          has the client write and read a file
    wait                            works until it is told to stop
    fail                            answers with an error that has a secret in it
    die                             ends in the middle
    recall                          says every prompt of its session

With --loads it loads earlier sessions, which it keeps in its HOME, and repeats them as it does so; with
--refuses it says that it does, and does not. In a follow-up the words are those of what is asked.
"""

import asyncio
import os
import re
import sys
import time
import uuid
from pathlib import Path

from acp import (
    PROTOCOL_VERSION, Agent, InitializeResponse, NewSessionResponse, PromptResponse, RequestError,
    plan_entry, run_agent, start_tool_call, update_agent_message_text, update_agent_thought_text,
    update_plan, update_tool_call)
from acp.schema import (
    AgentCapabilities, Cost, Implementation, PermissionOption, ToolCallLocation, ToolCallUpdate, Usage, UsageUpdate)


class WorkerAgent(Agent):
    def __init__(self):
        self.folders = {}
        self.stops = {}

    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, client_capabilities=None, client_info=None, **_):
        assert client_info.name == "aipm", client_info
        assert client_capabilities.fs.read_text_file and not client_capabilities.terminal
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(
                load_session=bool({"--loads", "--refuses"} & set(sys.argv))),
            agent_info=Implementation(name="worker-agent", version="1"))

    async def new_session(self, cwd, mcp_servers=None, **_):
        session = f"session-{uuid.uuid4() if len(sys.argv) > 1 else len(self.folders) + 1}"
        self.folders[session] = Path(cwd)
        self.stops[session] = asyncio.Event()
        return NewSessionResponse(session_id=session)

    async def load_session(self, cwd, session_id, mcp_servers=None, **_):
        if "--refuses" in sys.argv or not self.talk(session_id).exists():
            raise RequestError.resource_not_found(session_id)
        self.folders[session_id] = Path(cwd)
        self.stops[session_id] = asyncio.Event()
        await self.say(session_id, "repeated: " + self.talk(session_id).read_text())

    def talk(self, session):
        return Path(os.environ["HOME"]) / session

    async def do_recall(self, session):
        await self.say(session, self.talk(session).read_text())

    async def cancel(self, session_id, **_):
        self.stops[session_id].set()

    async def prompt(self, session_id, prompt, **_):
        heard = time.time()
        await self.say(session_id, f"heard {heard:.4f} in {session_id} of {os.getpid()}\n")
        with self.talk(session_id).open("a") as talk:
            talk.write(prompt[0].text + "\n")
        asked = re.search(r"\] local:\n(.*?)\n\nIf something", prompt[0].text, re.DOTALL)
        for word in (asked[1] if asked else prompt[0].text.replace("Implement:", "")).split():
            if word == "wait":
                await self.say(session_id, "waiting\n")
                await self.stops[session_id].wait()
                return PromptResponse(stop_reason="cancelled")
            await getattr(self, f"do_{word}")(session_id)
        return PromptResponse(
            stop_reason="end_turn", usage=Usage(total_tokens=1234, input_tokens=1200, output_tokens=34))

    async def say(self, session, text):
        await self.client.session_update(session, update_agent_message_text(text))

    async def do_plan(self, session):
        for state in ("pending", "completed"):
            await self.client.session_update(session, update_plan([
                plan_entry("look around", priority="high", status="completed"),
                plan_entry("write it", status=state)]))

    async def do_think(self, session):
        await self.client.session_update(session, update_agent_thought_text("what could it be"))

    async def do_usage(self, session):
        await self.client.session_update(session, UsageUpdate(
            session_update="usage_update", used=100, size=1000, cost=Cost(amount=0.25, currency="USD")))

    async def do_secret(self, session):
        await self.say(session, os.environ["SHIPPED_KEY"] + "\n")

    async def do_edit(self, session):
        path = self.folders[session] / "made.txt"
        await self.client.session_update(session, start_tool_call(
            "call-1", "Write made.txt", kind="edit", status="pending",
            locations=[ToolCallLocation(path=str(path))]))
        answer = await self.client.request_permission(
            session, ToolCallUpdate(tool_call_id="call-1"),
            [PermissionOption(option_id="yes", name="Allow", kind="allow_once"),
             PermissionOption(option_id="no", name="Reject", kind="reject_once")])
        allowed = answer.outcome.outcome == "selected" and answer.outcome.option_id == "yes"
        if allowed:
            path.write_text("made\n")
        await self.client.session_update(session, update_tool_call(
            "call-1", status="completed" if allowed else "failed"))

    async def do_client(self, session):
        path = str(self.folders[session] / "deep" / "client.txt")
        await self.client.write_text_file(session, path, "one\ntwo\nthree\n")
        part = await self.client.read_text_file(session, path, line=2, limit=1)
        try:
            await self.client.read_text_file(session, "/etc/hostname")
            outside = "read"
        except RequestError as error:
            outside = f"refused with {error.code}"
        await self.say(session, f"read {part.content}, outside {outside}\n")

    async def do_fail(self, session):
        raise RequestError(-32603, "the key is " + os.environ["SHIPPED_KEY"])

    async def do_die(self, session):
        os._exit(3)


if __name__ == "__main__":
    asyncio.run(run_agent(WorkerAgent()))
