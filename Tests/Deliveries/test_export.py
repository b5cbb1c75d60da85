"""Traces of real delegations, read by OTLP's definitions, and sent to a collector that others wrote."""

import importlib
import pkgutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import opentelemetry.semconv._incubating.attributes as conventions
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp import Receiver, attributes, parse, spans
from support import SECRET, TITLE, Server, free_port

STEPS = ["delegation", "resolve-base", "create-branch", "commit-task", "open-pull-request", "queue",
         "attempt", "invoke_agent demo", "push"]


def conventional_names():
    """The names of all attributes of the semantic conventions, those under way included."""
    names = {"service.name", "service.version", "error.type"}
    for module in pkgutil.iter_modules(conventions.__path__):
        found = importlib.import_module(f"{conventions.__name__}.{module.name}")
        names |= {value for name, value in vars(found).items()
                  if name.isupper() and isinstance(value, str)}
    return names


class ExportTests(unittest.TestCase):
    """One server that exports to a strict receiver."""

    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.server = Server(
            OTEL_EXPORTER_OTLP_ENDPOINT=cls.receiver.url,
            OTEL_EXPORTER_OTLP_HEADERS=f"x-key={SECRET}", OTEL_SERVICE_NAME="delegations",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
        cls.addClassCleanup(cls.server.close)

    def received(self, delegation):
        """The next export of this delegation that the receiver took."""
        while True:
            path, fields, body, message, status = self.receiver.next()
            found = attributes(spans(message)[0])
            if status == 200 and found["aipm.delegation.id"] == delegation["id"]:
                return path, fields, body, message

    def test_a_trace_is_that_of_its_delegation(self):
        delegation = self.server.delegate(agent="demo", workflow="traced")
        self.assertEqual(delegation["state"], "Pushed")
        path, fields, body, message = self.received(delegation)
        self.assertEqual((path, fields["x-key"]), ("/v1/traces", SECRET))
        resource = attributes(message.resource_spans[0].resource)
        version = self.server.run("--version").strip()
        self.assertEqual(resource, {
            "service.name": "delegations", "service.version": version,
            "deployment.environment.name": "test"})
        found = spans(message)
        self.assertEqual([span.name for span in found], STEPS)
        root = found[0]
        self.assertEqual(root.status.code, Status.STATUS_CODE_OK)
        self.assertEqual(root.parent_span_id, b"")
        self.assertEqual(found[7].parent_span_id, found[6].span_id)
        for span in found:
            self.assertEqual(span.trace_id, root.trace_id)
            self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
            self.assertIn(span.kind, (Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT))
        about = attributes(root)
        self.assertEqual(about["vcs.change.id"], str(delegation["pullRequest"]["number"]))
        self.assertEqual(about["vcs.ref.head.name"], delegation["branchName"])
        self.assertEqual(about["vcs.ref.head.revision"], delegation["commitSHA"])
        self.assertEqual(about["user.name"], "local")
        # What the API and the command line give is what was sent, and again the same.
        ref = delegation["confirmationCode"]
        one, two = (self.server.run("export", "--trace", ref).strip() for _ in range(2))
        self.assertEqual(one, two)
        self.assertEqual(one, body.decode())
        self.server.run("export", "--trace", ref, "--output", "trace.json")
        self.assertEqual(parse((self.server.folder / "trace.json").read_text()), message)
        for text in (TITLE, "Objective-that", "Criterion-that", "feat: Traced", SECRET):
            self.assertNotIn(text, one)

    def test_names_are_those_of_the_conventions_or_our_own(self):
        delegation = self.server.delegate(agent="traced", workflow="traced")
        message = parse(self.server.run("export", "--trace", delegation["id"]))
        known, seen = conventional_names(), set()
        for span in spans(message):
            for one in (span, *span.events):
                seen |= set(attributes(one))
        strange = {name for name in seen if not name.startswith("aipm.")} - known
        self.assertEqual(strange, set())
        self.assertGreaterEqual(len(seen), 30)

    def test_what_an_agent_used_is_there(self):
        delegation = self.server.delegate(agent="traced", workflow="traced")
        message = self.received(delegation)[3]
        agent = next(span for span in spans(message) if span.name == "invoke_agent traced")
        about = attributes(agent)
        self.assertEqual(about["gen_ai.usage.input_tokens"], 1200)
        self.assertEqual(about["gen_ai.usage.output_tokens"], 34)
        self.assertEqual(about["aipm.usage.cost_dollars"], 0.25)
        attempt = next(span for span in spans(message) if span.span_id == agent.parent_span_id)
        self.assertEqual(attributes(attempt)["aipm.worker.name"], "worker-1")

    def test_a_retry_adds_spans_to_the_same_trace(self):
        self.server.failing.touch()
        self.server.failing.chmod(0o666)
        delegation = self.server.delegate(agent="traced", workflow="traced")
        self.assertEqual(delegation["state"], "Failed")
        first = self.received(delegation)[3]
        root = spans(first)[0]
        self.assertEqual(root.status.code, Status.STATUS_CODE_ERROR)
        self.assertEqual(root.status.message, "agent-failed")
        self.assertEqual(attributes(root)["error.type"], "agent-failed")
        self.server.send("POST", f"/api/delegations/{delegation['id']}/retry")
        deadline = time.monotonic() + 60
        second = first
        # The comment on the pull request may have made an export of its own.
        while spans(second)[0].status.code != Status.STATUS_CODE_OK:
            self.assertLess(time.monotonic(), deadline)
            second = self.received(delegation)[3]
        self.assertEqual({span.trace_id for span in spans(first) + spans(second)}, {root.trace_id})
        before = {span.span_id for span in spans(first)}
        after = {span.span_id for span in spans(second)}
        self.assertLess(before, after)
        names = [span.name for span in spans(second)]
        self.assertEqual(names.count("attempt"), 2)
        self.assertIn("act", names)

    def test_a_refused_export_is_dropped_and_counted(self):
        before = self.server.metric("aipm_deliveries_total", channel="traces", outcome="given-up")
        self.receiver.answers[:] = [(400, {})]
        first = self.server.delegate(agent="demo", workflow="traced")
        second = self.server.delegate(agent="demo", workflow="traced")
        self.received(second)
        after = self.server.metric("aipm_deliveries_total", channel="traces", outcome="given-up")
        self.assertEqual(after - before, 1)
        said = self.server.said()
        self.assertIn(first["id"], said)
        self.assertIn("it answered 400", said)
        self.assertNotIn(SECRET, said)

    def test_a_temporary_failure_is_tried_again_after_the_wait(self):
        self.receiver.answers[:] = [(503, {"Retry-After": "2"}), (429, {}), (502, {}), (504, {})]
        delegation = self.server.delegate(agent="demo", workflow="traced")
        times, bodies = [], set()
        while True:
            _, _, body, message, status = self.receiver.next()
            if attributes(spans(message)[0])["aipm.delegation.id"] != delegation["id"]:
                continue
            times.append(time.monotonic())
            bodies.add(body)
            if status == 200:
                break
        self.assertEqual(len(times), 5)
        self.assertGreaterEqual(times[1] - times[0], 1.9)
        self.assertEqual(len(bodies), 1)


class OtherServerTests(unittest.TestCase):
    def test_what_was_not_exported_is_exported_after_a_crash(self):
        port = free_port()
        server = Server(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{port}/of/traces?tenant=1")
        self.addCleanup(server.close)
        delegation = server.delegate(agent="demo", workflow="traced")
        # Nobody listens; the delegation has ended all the same.
        self.assertEqual(delegation["state"], "Pushed")
        server.kill()
        receiver = Receiver(port)
        self.addCleanup(receiver.close)
        server.start()
        path, _, _, message, _ = receiver.next()
        self.assertEqual(path, "/of/traces?tenant=1")
        self.assertEqual(attributes(spans(message)[0])["aipm.delegation.id"], delegation["id"])

    def test_disabled_and_invalid_settings(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        server = Server(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SDK_DISABLED="true")
        self.addCleanup(server.close)
        server.delegate(agent="demo", workflow="traced")
        self.assertIsNone(server.metric("aipm_delivery_receivers", channel="traces", state="working"))
        self.assertTrue(receiver.exports.empty())
        server.environment |= {
            "OTEL_EXPORTER_OTLP_HEADERS": f"key={SECRET}", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
            "OTEL_SDK_DISABLED": ""}
        done = server.run("serve", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("OTEL_EXPORTER_OTLP_TIMEOUT is soon", done.stderr)
        server.environment["OTEL_EXPORTER_OTLP_TIMEOUT"] = "500"
        shown = server.run("config", "show")
        self.assertIn("otel-exporter-otlp-headers", shown)
        self.assertNotIn(SECRET, shown)

    def test_a_collector_of_others_takes_the_traces(self):
        """A collector reads our JSON, and passes the trace on as protobuf."""
        receiver = Receiver()
        self.addCleanup(receiver.close)
        import rotel
        port = free_port()
        log = tempfile.NamedTemporaryFile(mode="w+", suffix=".log")
        self.addCleanup(log.close)
        collector = subprocess.Popen(
            [Path(rotel.__file__).with_name("rotel-agent"), "start",
             "--otlp-http-endpoint", f"127.0.0.1:{port}",
             "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}", "--exporter", "otlp",
             "--otlp-exporter-endpoint", receiver.url, "--otlp-exporter-protocol", "http"],
            stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(collector.wait, timeout=20)
        self.addCleanup(collector.kill)
        server = Server(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        self.addCleanup(server.close)
        delegation = server.delegate(agent="traced", workflow="traced")
        wanted = parse(server.run("export", "--trace", delegation["id"]))
        _, fields, _, message, _ = receiver.next()
        self.assertEqual(fields["content-type"], "application/x-protobuf")
        self.assertEqual(
            sorted(span.SerializeToString(deterministic=True) for span in spans(message)),
            sorted(span.SerializeToString(deterministic=True) for span in spans(wanted)))
        self.assertEqual(
            attributes(message.resource_spans[0].resource),
            attributes(wanted.resource_spans[0].resource))


if __name__ == "__main__":
    unittest.main()
