"""A GitHub Enterprise as companies have it: TLS with a certificate of their own authority, reached
through a proxy alone, entered by a GitHub App. Behind it stands the embedded forge."""

import base64
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

from support import TOKEN

HOST = "forge.example"
APP, INSTALLATION = "4242", "77"
# A token is renewed ten minutes before its end: with so much life it is renewed every two seconds.
TOKEN_LIFE = 602


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


class Enterprise:
    """The host behind its TLS; `tokens` are those that it gave out, `refusals` what was wrong."""

    def __init__(self, forge, folder):
        self.forge = forge
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}", "-addext",
            f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(self.certificate))
        self.app_key, public = folder / "app.pem", folder / "app.pub"
        openssl("genrsa", "-traditional", "-out", str(self.app_key), "2048")
        self.app_key.chmod(0o600)
        openssl("rsa", "-in", str(self.app_key), "-pubout", "-out", str(public))
        self.app_public = public.read_text()
        self.tokens, self.refusals, self.lock = [], [], threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        enterprise = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                enterprise.answer(self)

            do_POST = do_PUT = do_PATCH = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.headers.get("Transfer-Encoding") == "chunked":
            while size := int(request.rfile.readline(), 16):
                body += request.rfile.read(size)
                request.rfile.readline()
            request.rfile.readline()
        if request.path == f"/api/v3/app/installations/{INSTALLATION}/access_tokens":
            return self.give_token(request)
        headers = dict(request.headers) | {"Host": HOST, "Authorization": self.admit(request.headers)}
        for name in ("Transfer-Encoding", "Connection", "Expect"):
            headers.pop(name, None)
        headers["Content-Length"] = str(len(body))
        behind = http.client.HTTPConnection(self.forge.url.removeprefix("http://"), timeout=60)
        behind.request(request.command, request.path, body, headers)
        found = behind.getresponse()
        text = found.read()
        if "json" in (found.headers["Content-Type"] or ""):
            text = text.replace(f"http://{HOST}".encode(), f"https://{HOST}".encode())
        self.send(request, found.status, text, found.headers.items())
        behind.close()

    def send(self, request, status, text, headers=()):
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def give_token(self, request):
        try:
            bearer = request.headers["Authorization"].removeprefix("Bearer ")
            claims = jwt.decode(bearer, self.app_public, algorithms=["RS256"], issuer=APP)
            assert claims["exp"] - time.time() <= 600, "it ends too late"
        except Exception as fault:
            self.refusals.append(repr(fault))
            return self.send(request, 401, b'{"message":"A JSON web token could not be decoded"}')
        with self.lock:
            token = f"ghs_{len(self.tokens):036d}"
            self.tokens.append(token)
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + TOKEN_LIFE))
        rights = {"contents": "write", "pull_requests": "write", "metadata": "read",
                  "checks": "read", "statuses": "read", "actions": "read"}
        text = json.dumps({"token": token, "expires_at": end, "permissions": rights})
        return self.send(request, 201, text.encode(), [("Content-Type", "application/json")])

    def admit(self, headers):
        """The forge's own token in place of one that was given out; what is none stays as it is."""
        kind, _, shown = (headers["Authorization"] or "none none").partition(" ")
        if kind == "Basic":
            shown = base64.b64decode(shown).decode().partition(":")[2]
        known = shown in self.tokens
        if kind == "Basic":
            password = TOKEN if known else shown
            return "Basic " + base64.b64encode(f"x:{password}".encode()).decode()
        return f"Bearer {TOKEN if known else shown}"


class Proxy:
    """Takes CONNECT for the one host, and counts."""

    def __init__(self, port):
        self.port_behind, self.connects = port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = client.recv(4096)
            if not chunk:
                return
            head += chunk
        if not head.startswith(f"CONNECT {HOST}:443 ".encode()):
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return client.close()
        self.connects += 1
        behind = socket.create_connection(("127.0.0.1", self.port_behind))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self.pipe, args=(behind, client), daemon=True).start()
        self.pipe(client, behind)

    def pipe(self, one, other):
        try:
            while chunk := one.recv(65536):
                other.sendall(chunk)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def stop(self):
        self.listener.close()
