"""A receiver of OTLP over HTTP that is strict: it reads JSON and protobuf by the official definitions."""

import base64
import gzip
import http.server
import json
import queue
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest, ExportTraceServiceResponse)

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def parse(text):
    """OTLP's JSON as the message. It differs from protobuf's own JSON in one way: ids are hexadecimal."""

    def with_ids(value):
        if isinstance(value, list):
            return [with_ids(one) for one in value]
        if not isinstance(value, dict):
            return value
        changed = {}
        for name, inner in value.items():
            if name in IDS:
                assert inner == inner.lower() and len(inner) == 2 * IDS[name], (name, inner)
                inner = base64.b64encode(bytes.fromhex(inner)).decode()
            elif name.endswith("UnixNano") or name == "intValue":
                assert isinstance(inner, str) and str(int(inner)) == inner, (name, inner)
            elif name in ("kind", "code"):
                assert isinstance(inner, int), (name, inner)
            else:
                inner = with_ids(inner)
            changed[name] = inner
        return changed

    return json_format.ParseDict(
        with_ids(json.loads(text)), ExportTraceServiceRequest(), ignore_unknown_fields=False)


def spans(message):
    return [span for resource in message.resource_spans
            for scope in resource.scope_spans for span in scope.spans]


def attributes(one):
    """Attributes by name; a name that is there twice is an error."""
    found = {}
    for pair in one.attributes:
        assert pair.key not in found, pair.key
        found[pair.key] = getattr(pair.value, pair.value.WhichOneof("value"))
    return found


class Receiver:
    """Answers each export with the next of `answers`, a status with header fields; then with 200."""

    def __init__(self, port=0):
        self.exports = queue.Queue()
        self.answers = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status, fields = outer.answers.pop(0) if outer.answers else (200, {})
                if self.headers["Content-Type"] == "application/json":
                    message = parse(body)
                    answer = json_format.MessageToJson(ExportTraceServiceResponse()).encode()
                else:
                    message = ExportTraceServiceRequest.FromString(body)
                    answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", self.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                outer.exports.put((self.path, dict(self.headers), body, message, status))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def next(self, timeout=60):
        return self.exports.get(timeout=timeout)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
