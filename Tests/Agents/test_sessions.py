"""Agents of the Agent Client Protocol's own library, kept warm by a worker."""

import datetime
import json
import os
import re
import signal
import unittest

from support import EXAMPLES, HERE, NAME, OWNER, AgentCase, processes, session_agent, until

WORKER = HERE / "worker_agent.py"


class SessionTests(AgentCase):
    agents = (
        session_agent("echo", EXAMPLES / "echo_agent.py") + session_agent("example", EXAMPLES / "agent.py")
        + session_agent("worker", WORKER)
        + session_agent("careful", WORKER, "    permissions: {default: allow, edit: reject}\n")
        + session_agent("mindful", WORKER, "    load-session: true\n", "--loads")
        + session_agent("refusing", WORKER, "    load-session: true\n", "--refuses")
        + session_agent("unasked", WORKER, option="--loads"))

    def test_the_library_s_examples_are_understood_and_stay(self):
        sessions = set()
        for agent, script in (("echo", "echo_agent.py"), ("example", "agent.py")):
            for _ in range(2):
                ended = self.server.end(self.server.submit(agent, "say it again"))
                # They change nothing, and that is what is told of them.
                self.assertEqual(ended["failure"]["code"], "no-changes", ended["failure"])
                output = self.server.output(ended["id"])
                self.assertIn("Implement: say it again", output)
                started = [event for event in self.server.events(ended["id"])
                           if event["type"] == "delegation.generating"]
                sessions.add((agent, started[0]["data"]["session"]))
            self.assertEqual(len(processes(EXAMPLES / script)), 1)
        self.assertEqual(len(sessions), 4)

    def test_work_is_pushed_and_plan_tools_and_usage_are_told(self):
        ended = self.server.end(self.server.submit("worker", "plan think edit client usage secret"))
        self.assertEqual(ended["state"], "Pushed", ended["failure"])
        self.assertEqual(self.server.file(ended["branchName"], "made.txt"), "made\n")
        self.assertEqual(self.server.file(ended["branchName"], "deep/client.txt"), "one\ntwo\nthree\n")
        figures = ended["attempts"][0]["figures"]
        self.assertEqual(figures["usage"], "1,200 tokens in, 34 out, $0.2500")
        output = self.server.output(ended["id"])
        self.assertIn("● Write made.txt\n", output)
        self.assertIn("? Write made.txt: allowed\n", output)
        self.assertIn("✓ Write made.txt\n", output)
        self.assertIn("read two, outside refused with -32602", output)
        self.assertNotIn("key-of-the-agents", output)
        records = self.server.records(ended["id"])
        plans = [record["plan"] for record in records if "plan" in record]
        self.assertEqual([entry["status"] for entry in plans[-1]], ["completed", "completed"])
        tools = [record["tool"] for record in records if "tool" in record]
        self.assertEqual([tool["status"] for tool in tools], ["pending", "completed"])
        self.assertEqual(tools[0]["paths"], ["made.txt"])
        # The same with times, by the command line; and as it came, live.
        for options in ([], ["--follow"]):
            lines = self.server.run("logs", ended["id"], "--timestamps", *options).splitlines()
            self.assertEqual([line.split(" ", 2)[2] for line in lines], output.splitlines())
            # In a pipe: the day, the time with its zone, the line.
            times = [datetime.datetime.fromisoformat(" ".join(line.split(" ", 2)[:2])) for line in lines]
            self.assertEqual(times, sorted(times))
            event = [event for event in self.server.events(ended["id"]) if event["type"] == "delegation.dispatched"]
            self.assertGreater(times[0].isoformat(), event[0]["time"].replace("Z", "+00:00"))
        self.assertEqual(self.server.run("logs", ended["id"], "--follow"), output)

    def test_what_the_profile_refuses_is_refused(self):
        ended = self.server.end(self.server.submit("careful", "edit"))
        self.assertEqual(ended["failure"]["code"], "no-changes", ended["failure"])
        self.assertIn("? Write made.txt: refused\n", self.server.output(ended["id"]))

    def test_cancel_ends_the_session_and_not_the_agent(self):
        first = self.server.submit("worker", "wait")
        until(lambda: "waiting" in self.server.output(first))
        self.server.run("cancel", first)
        self.assertEqual(self.server.end(first)["failure"]["code"], "cancelled")
        second = self.server.end(self.server.submit("worker", "edit"))
        self.assertEqual(second["state"], "Pushed", second["failure"])
        one, two = (re.search(r"of (\d+)", self.server.output(ref))[1] for ref in (first, second["id"]))
        self.assertEqual(one, two)

    def test_an_agent_that_dies_fails_its_attempt_and_is_started_anew(self):
        broken = self.server.end(self.server.submit("worker", "die"))
        self.assertEqual(broken["failure"]["code"], "agent-failed", broken["failure"])
        self.assertIn("session/prompt", broken["failure"]["message"])
        ended = self.server.end(self.server.submit("worker", "edit"))
        self.assertEqual(ended["state"], "Pushed", ended["failure"])

    def test_what_an_agent_says_of_its_failure_has_no_secret_in_it(self):
        failed = self.server.end(self.server.submit("worker", "fail"))
        self.assertEqual(failed["failure"]["code"], "agent-failed")
        self.assertIn("the key is ***", failed["failure"]["message"])

    def test_it_dies_with_its_worker(self):
        self.server.end(self.server.submit("worker", "edit"))
        agent = processes(WORKER)
        self.assertNotEqual(agent, [])
        lock = self.server.folder / "data" / "workers" / "worker-1" / "lock"
        os.kill(int(lock.read_text().split()[-1]), signal.SIGKILL)
        until(lambda: not set(agent) & set(processes(WORKER)))
        ended = self.server.end(self.server.submit("worker", "edit"))
        self.assertEqual(ended["state"], "Pushed", ended["failure"])

    def start(self, ref):
        """What the log says of the start of its last attempt."""
        return [event["data"] for event in self.server.events(ref)
                if event["type"] == "delegation.generating"][-1]

    def test_a_later_round_loads_the_session_also_in_a_new_process(self):
        first = self.server.end(self.server.submit("mindful", "edit"))
        self.assertEqual(first["state"], "Pushed", first["failure"])
        earlier = first["id"]
        for word in ("client", "recall"):
            second = self.server.end(self.server.follow_up(earlier, f"recall {word}"))
            start = self.start(second["id"])
            self.assertEqual(start["continues"], earlier)
            self.assertEqual(start["session"], self.start(first["id"])["session"])
            output = self.server.output(second["id"])
            self.assertIn("Implement: edit\n", output)
            self.assertIn("More is asked for", output)
            # What the agent repeats while it loads is no part of this round.
            self.assertNotIn("repeated:", output)
            if word == "client":
                self.assertEqual(second["state"], "Pushed", second["failure"])
                earlier = second["id"]
                # What it says of itself is its number in the sandbox.
                for process in processes(WORKER):
                    os.kill(process, signal.SIGKILL)
        # Another pull request has a session of its own.
        other = self.server.end(self.server.submit("mindful", "edit"))
        self.assertNotEqual(self.start(other["id"])["session"], self.start(first["id"])["session"])
        self.assertNotIn("continues", self.start(other["id"]))

    def test_a_later_round_loads_the_session_also_after_the_worker_was_killed(self):
        first = self.server.end(self.server.submit("mindful", "edit"))
        self.assertEqual(first["state"], "Pushed", first["failure"])
        worker = self.server.folder / "data" / "workers" / "worker-1"
        record = worker / "agents" / f"mindful@{OWNER}@{NAME}" / "kept.json"
        until(lambda: record.exists() and first["id"] in str(json.loads(record.read_text())["sessions"]))
        before = processes(WORKER)
        self.assertNotEqual(before, [])
        os.kill(int((worker / "lock").read_text().split()[-1]), signal.SIGKILL)
        second = self.server.end(self.server.follow_up(first["id"], "recall client"))
        self.assertEqual(second["state"], "Pushed", second["failure"])
        start = self.start(second["id"])
        self.assertEqual(start["continues"], first["id"])
        self.assertEqual(start["session"], self.start(first["id"])["session"])
        output = self.server.output(second["id"])
        self.assertIn("Implement: edit\n", output)
        self.assertFalse(set(before) & set(processes(WORKER)))

    def test_without_the_session_a_new_one_begins_with_the_whole_prompt(self):
        for agent in ("refusing", "unasked"):
            first = self.server.end(self.server.submit(agent, "edit"))
            self.assertEqual(first["state"], "Pushed", first["failure"])
            second = self.server.end(self.server.follow_up(first["id"], "recall client"))
            self.assertEqual(second["state"], "Pushed", second["failure"])
            self.assertEqual(second["attempt"], 1)
            self.assertNotIn("continues", self.start(second["id"]))
            self.assertNotEqual(self.start(second["id"])["session"], self.start(first["id"])["session"])
            output = self.server.output(second["id"])
            self.assertIn("was made for this task", output)
            self.assertEqual("cannot be loaded" in output, agent == "refusing")

    def test_a_warm_agent_gets_its_prompt_soon(self):
        spans = []
        for _ in range(6):
            ended = self.server.end(self.server.submit("worker", "edit"))
            self.assertEqual(ended["state"], "Pushed", ended["failure"])
            heard = float(re.search(r"heard ([\d.]+)", self.server.output(ended["id"]))[1])
            given = next(event["time"] for event in self.server.events(ended["id"])
                         if event["type"] == "delegation.dispatched")
            moment = datetime.datetime.fromisoformat(given.replace("Z", "+00:00")).timestamp()
            spans.append(round((heard - moment) * 1000))
        # The first one starts the agent.
        middle = sorted(spans[1:])[2]
        print(f"from dispatch to prompt: {middle} ms (all: {spans})")
        self.assertLess(middle, int(os.environ.get("AIPM_PROMPT_LIMIT_MS", "1000")))


if __name__ == "__main__":
    unittest.main()
