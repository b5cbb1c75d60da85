"""/metrics of the real server, read by Prometheus' own parsers, against its conventions and the guide.

The conventions: https://prometheus.io/docs/practices/naming/ and
https://prometheus.io/docs/instrumenting/writing_exporters/.
"""

import json
import math
import os
import re
import socket
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

from metered import BRANCH, MeteredServer
from support import NAME, OWNER, ROOT

GUIDE = ROOT / "Sources" / "AIPM.docc"
DASHBOARD = GUIDE / "Resources" / "grafana-dashboard.json"
LABELS = {
    "agent", "channel", "code", "kind", "operation", "outcome", "reason", "result", "route", "state", "status",
    "step", "type", "version"}
# The name of the token that submits.
REQUESTER = "tests"


class MetricsTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = MeteredServer("--workers", "1")
        cls.addClassCleanup(cls.server.close)
        cls.before = cls.server.scrape()
        cls.demo = cls.server.delegate()
        cls.metered = cls.server.delegate(agent="metered", workflow="metered")
        cls.refused = cls.server.submit(repo="missing")
        cls.after = cls.server.scrape()

    def moved(self, name, **labels):
        return self.after.sum(name, **labels) - self.before.sum(name, **labels)

    # What is written.

    def test_both_formats_have_the_same_series(self):
        open_metrics = self.server.scrape(openmetrics=True)
        self.assertEqual(open_metrics.type, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertEqual(self.after.type, "text/plain; version=0.0.4; charset=utf-8")
        self.assertTrue(open_metrics.text.endswith("# EOF\n"))

        def series(scrape):
            return {(one.name, *sorted(one.labels.items())) for one in scrape.samples()}
        missing = series(self.after) - series(open_metrics)
        self.assertEqual(missing, set())
        types = [{one.name: (one.type, one.documentation) for one in scrape.families}
                 for scrape in (self.after, open_metrics)]
        self.assertEqual(*types)

    def test_names_and_labels_follow_the_conventions(self):
        names = [family.name for family in self.after.families]
        self.assertEqual(len(names), len(set(names)), "a family is written twice")
        for family in self.after.families:
            with self.subTest(family.name):
                self.assertRegex(family.name, r"^(aipm|process)_[a-z][a-z0-9]*(_[a-z0-9]+)*$")
                self.assertIn(family.type, ("counter", "gauge", "histogram"))
                self.assertRegex(family.documentation, r"^[A-Z].*\.$")
                # Base units only, and the unit at the end.
                self.assertNotRegex(
                    family.name, r"_(ms|milliseconds|minutes|kb|kilobytes|cents|percent)(_|$)")
                if "duration" in family.name or "wait" in family.name.split("_"):
                    self.assertTrue(family.name.endswith("_seconds"))
                for sample in family.samples:
                    suffixes = {"counter": ["_total"], "gauge": [""],
                                "histogram": ["_bucket", "_sum", "_count"]}[family.type]
                    self.assertIn(sample.name, [family.name + suffix for suffix in suffixes])
                    self.assertFalse(math.isnan(sample.value))
                    labels = set(sample.labels) - ({"le"} if family.type == "histogram" else set())
                    self.assertLessEqual(labels, LABELS)
                    if family.type != "gauge":
                        self.assertGreaterEqual(sample.value, 0)
                if family.type == "gauge":
                    self.assertFalse(family.name.endswith(("_total", "_count", "_sum", "_bucket")))

    def test_no_series_is_written_twice(self):
        series = [(one.name, *sorted(one.labels.items())) for one in self.after.samples()]
        self.assertEqual(len(series), len(set(series)))

    def test_histograms_are_cumulative(self):
        seen = 0
        for family in self.after.families:
            if family.type != "histogram":
                continue
            for count in [one for one in family.samples if one.name.endswith("_count")]:
                buckets = [one for one in family.samples if one.name.endswith("_bucket")
                           and count.labels.items() <= one.labels.items()]
                bounds = [float(one.labels["le"]) for one in buckets]
                self.assertEqual(bounds, sorted(set(bounds)))
                self.assertEqual(bounds[-1], math.inf)
                values = [one.value for one in buckets]
                self.assertEqual(values, sorted(values))
                self.assertEqual(values[-1], count.value)
                seen += 1
        self.assertGreater(seen, 10)

    def test_no_label_names_a_person_a_repository_or_a_delegation(self):
        told = {OWNER, NAME, "missing", BRANCH, REQUESTER, "worker-1"}
        for delegation in (self.demo, self.metered):
            told |= {delegation["id"], delegation["branchName"], delegation["confirmationCode"]}
        for sample in self.after.samples():
            for value in sample.labels.values():
                for text in told:
                    self.assertNotRegex(value, rf"(^|[^\w-]){re.escape(text)}($|[^\w-])")

    # What is counted.

    def test_a_delegation_moves_its_figures(self):
        for delegation in (self.demo, self.metered):
            self.assertEqual(delegation["state"], "Pushed", delegation)
        # The third one was refused by the forge.
        self.assertEqual(self.moved("aipm_events_total", type="delegation.requested"), 3)
        for event in ("branch-created", "task-committed", "pr-created", "dispatched",
                      "generating", "generated", "pushed"):
            self.assertEqual(self.moved("aipm_events_total", type=f"delegation.{event}"), 2, event)
        for state in ("Requested", "BranchCreated", "TaskCommitted", "PRCreated", "Dispatched",
                      "Generating"):
            count = 3 if state == "Requested" else 2
            self.assertEqual(
                self.moved("aipm_state_duration_seconds_count", state=state), count, state)
        self.assertEqual(self.moved("aipm_queue_wait_seconds_count"), 2)
        self.assertEqual(self.moved("aipm_generation_duration_seconds_count", outcome="committed"), 2)
        self.assertEqual(self.moved("aipm_delegation_duration_seconds_count", result="pushed"), 2)
        for agent in ("demo", "metered"):
            self.assertEqual(self.moved("aipm_attempts_total", agent=agent, outcome="committed"), 1)
        # The parts of a delegation take as long as the whole.
        whole = self.moved("aipm_delegation_duration_seconds_sum")
        self.assertAlmostEqual(self.moved("aipm_state_duration_seconds_sum"), whole, places=6)
        self.assertLessEqual(self.moved("aipm_generation_duration_seconds_sum"), whole)

    def test_what_an_agent_used_is_counted_and_unknown_numbers_are_absent(self):
        for name, labels in (("aipm_agent_tokens_total", {"agent": "metered"}),
                             ("aipm_tokens_total", {})):
            self.assertEqual(self.after.value(name, kind="input", **labels), 1200)
            self.assertEqual(self.after.value(name, kind="output", **labels), 34)
            kinds = {one.labels["kind"] for one in self.after.samples() if one.name == name}
            self.assertEqual(kinds, {"input", "output"})
        self.assertEqual(self.after.value("aipm_agent_cost_dollars_total", agent="metered"), 0.25)
        self.assertEqual(self.after.value("aipm_cost_dollars_total"), 0.25)
        agents = {one.labels["agent"] for one in self.after.samples()
                  if one.name.startswith("aipm_agent_")}
        self.assertEqual(agents, {"metered"})
        absent = {one.name for one in self.before.samples() if "tokens" in one.name or "cost" in one.name}
        self.assertEqual(absent, set())

    def test_requests_to_the_forge_are_counted_by_route(self):
        routes = {"POST /repos/{owner}/{repo}/git/refs": "201",
                  "PUT /repos/{owner}/{repo}/contents/{path}": "201",
                  "POST /repos/{owner}/{repo}/pulls": "201"}
        for route, status in routes.items():
            self.assertEqual(
                self.moved("aipm_forge_requests_total", route=route, status=status), 2, route)
            self.assertEqual(
                self.moved("aipm_forge_request_duration_seconds_count", route=route), 2, route)
        limit = self.after.value("aipm_forge_rate_limit")
        self.assertLess(self.after.value("aipm_forge_rate_limit_remaining"), limit)
        reset = self.after.value("aipm_forge_rate_limit_reset_timestamp_seconds")
        self.assertLess(abs(reset - time.time()), 3700)
        total = self.moved("aipm_forge_requests_total")
        self.assertEqual(self.moved("aipm_forge_request_duration_seconds_count"), total)

    def test_a_failed_request_to_the_forge_is_counted(self):
        self.assertEqual(self.refused[0], 502, self.refused)
        route = "GET /repos/{owner}/{repo}"
        self.assertGreaterEqual(self.moved("aipm_forge_requests_total", route=route, status="404"), 1)
        self.assertEqual(self.moved("aipm_delegation_failures_total", code="forge-refused"), 1)
        self.assertEqual(self.moved("aipm_delegation_duration_seconds_count", result="failed"), 1)

    def test_the_log_counts_its_transactions(self):
        position = self.moved("aipm_log_position")
        self.assertEqual(self.moved("aipm_events_total"), position)
        commits = self.moved("aipm_log_commit_duration_seconds_count")
        self.assertEqual(self.moved("aipm_log_commit_appends_count"), commits)
        appends = self.moved("aipm_log_commit_appends_sum")
        self.assertLessEqual(commits, appends)
        self.assertLessEqual(appends, position)
        self.assertGreater(commits, 10)

    def test_requests_are_counted_by_operation(self):
        self.assertEqual(self.moved("aipm_http_requests_total", operation="submit", status="2xx"), 2)
        self.assertEqual(self.moved("aipm_http_requests_total", operation="submit", status="5xx"), 1)
        self.assertEqual(self.moved("aipm_http_request_duration_seconds_count", operation="submit"), 3)
        # The worker uses another socket, and its operations are not in the description.
        self.assertGreaterEqual(
            self.moved("aipm_http_requests_total", operation="workerResult", status="2xx"), 2)
        before = self.server.scrape()
        cases = [("GET", "/nothing", "none", "4xx"), ("POST", "/metrics", "none", "4xx"),
                 ("GET", "/api/delegations/PR1", "getDelegation", "4xx"),
                 ("GET", "/api/delegations?limit=x", "listDelegations", "4xx")]
        for method, path, _, _ in cases:
            self.server.send(method, path)
        request = urllib.request.Request(self.server.url + "/healthz", method="HEAD")
        for wanted in (request, self.server.url + "/"):
            with urllib.request.urlopen(wanted, timeout=30) as response:
                response.read()
        after = self.server.scrape()
        for operation, status, count in [
                ("none", "4xx", 2), ("getDelegation", "4xx", 1), ("listDelegations", "4xx", 1),
                ("getLiveness", "2xx", 1), ("page", "2xx", 1), ("getMetrics", "2xx", 1)]:
            name, labels = "aipm_http_requests_total", {"operation": operation, "status": status}
            self.assertEqual(after.value(name, **labels) - before.value(name, **labels), count, labels)

    def test_open_streams_are_counted(self):
        with socket.create_connection(
                ("127.0.0.1", urllib.parse.urlsplit(self.server.url).port), timeout=30) as stream:
            stream.sendall(
                "GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {self.server.reader}\r\n\r\n".encode())
            stream.recv(1)
            self.assertEqual(self.server.scrape().value("aipm_event_streams"), 1)

    def test_gauges_are_as_elsewhere(self):
        """What the engine counts as it goes is what the views have."""
        health = self.server.send("GET", "/api/health")[1]
        now = self.server.scrape()
        for sample in now.samples():
            if sample.name == "aipm_delegations_live":
                state = sample.labels["state"]
                self.assertEqual(sample.value, health["queue"]["states"].get(state, 0), state)
        self.assertEqual(now.value("aipm_workers", state="idle"), 1)
        self.assertEqual(now.value("aipm_log_position"), health["position"])
        self.assertEqual(now.value("aipm_submissions_waiting"), 0)
        self.assertEqual(now.value("aipm_streams_quarantined"), 0)

    def test_process_figures_are_those_of_the_system(self):
        process = Path("/proc") / str(self.server.process.pid)
        now = self.server.scrape()
        pages = int((process / "statm").read_text().split()[1])
        resident = now.value("process_resident_memory_bytes")
        self.assertAlmostEqual(resident, pages * os.sysconf("SC_PAGESIZE"), delta=resident / 5)
        self.assertAlmostEqual(
            now.value("process_open_fds"), len(list((process / "fd").iterdir())), delta=5)
        limit = re.search(r"Max open files\s+(\d+)", (process / "limits").read_text())
        self.assertEqual(now.value("process_max_fds"), int(limit[1]))
        started = time.time() - now.value("process_start_time_seconds")
        self.assertGreater(started, 0)
        self.assertLess(started, 600)
        again = self.server.scrape()
        name = "process_cpu_seconds_total"
        self.assertGreater(now.value(name), 0)
        self.assertGreaterEqual(again.value(name), now.value(name))
        self.assertEqual(
            now.value("process_start_time_seconds"), again.value("process_start_time_seconds"))

    def test_the_build_is_named(self):
        version = self.server.run("--version").strip()
        self.assertEqual(self.after.value("aipm_build_info", version=version), 1)

    # What is written about it.

    def test_the_guide_lists_every_metric_and_no_other(self):
        rows = re.findall(
            r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\| [^|]+ \|$",
            (GUIDE / "Metrics.md").read_text(), re.MULTILINE)
        told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
        self.assertEqual(len(told), len(rows), "a row is there twice")
        there = {}
        for family in self.after.families:
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for one in family.samples for label in one.labels} - {"le"}
            # A family without a series yet has no labels to compare.
            if not family.samples:
                labels = told.get(name, ("", set()))[1]
            there[name] = (family.type, labels)
        self.maxDiff = None
        self.assertEqual(told, there)

    def test_the_dashboard_and_the_alerts_read_only_metrics_that_exist(self):
        dashboard, page = json.loads(DASHBOARD.read_text()), (GUIDE / "Metrics.md").read_text()
        queries = " ".join(expressions(dashboard))
        alerts = re.search(r"^```yaml\n# aipm\.rules\.yml\n(.*?)^```$", page, re.M | re.S)[1]
        pattern = r"\b(?:aipm|process)_[a-z_]+"
        read = set(re.findall(pattern, queries))
        self.assertGreater(len(set(re.findall(pattern, alerts))), 5)
        rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) ", page, re.M)
        there = {name + suffix for name, kind in rows
                 for suffix in (["_bucket", "_sum", "_count"] if kind == "histogram" else [""])}
        self.assertEqual((read | set(re.findall(pattern, alerts))) - there, set())
        unread = {name for name, kind in rows if kind in ("counter", "histogram")
                  and not any(one.startswith(name) for one in read)}
        self.assertEqual(unread, set())
        identifiers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                self.assertTrue(panel["title"] and panel["targets"], panel["id"])


def expressions(value):
    """Every query of a dashboard."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "query") and isinstance(inner, str):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


class RestartTests(unittest.TestCase):
    again = ("--port", "0", "--access", "token", "--agent", "demo", "--workers", "0")

    def test_live_delegations_and_totals_of_the_log_stay_after_a_restart(self):
        server = MeteredServer("--workers", "1")
        self.addCleanup(server.close)
        for _ in range(2):
            self.assertEqual(server.delegate(agent="metered", workflow="metered")["state"], "Pushed")
        totals = ("aipm_tokens_total", "aipm_cost_dollars_total", "aipm_delegations_ended_total")

        def of_the_log(scrape):
            return [(one.name, one.labels, one.value) for one in scrape.samples() if one.name in totals]
        before = of_the_log(server.scrape())
        self.assertEqual(len(before), 5)
        self.assertIn(("aipm_cost_dollars_total", {}, 0.5), before)
        server.stop()
        server.url = server.launch(*self.again)
        self.assertEqual(of_the_log(server.scrape()), before)
        self.assertEqual(server.scrape().sum("aipm_attempts_total"), 0)

        status, submitted = server.submit(agent="demo")
        self.assertEqual(status, 201, submitted)
        server.stop()
        server.url = server.launch(*self.again)
        name, scrape = "aipm_delegations_live", server.scrape()
        self.assertEqual(scrape.value(name, state="PRCreated"), 1)
        self.assertEqual(scrape.sum(name), 1)


if __name__ == "__main__":
    unittest.main()
