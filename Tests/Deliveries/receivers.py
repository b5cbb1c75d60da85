"""Receivers of notifications on this machine: programs that others wrote check what arrives."""

import email
import email.policy
import http.server
import json
import logging
import queue
import ssl
import subprocess
import threading
import warnings

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from standardwebhooks import Webhook

from support import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"


class HTTPReceiver:
    """Answers each call with the next of `answers`, a status with header fields; then with `usual`."""

    def __init__(self, port=0, usual=200):
        self.calls = queue.Queue()
        self.answers = []
        self.usual = usual
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, fields = outer.answers.pop(0) if outer.answers else (outer.usual, {})
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                outer.calls.put((self.path, dict(self.headers), body, status))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def next(self, status=200, timeout=60):
        """The next call that was answered with this status: path, header fields, and body."""
        while True:
            path, fields, body, answered = self.calls.get(timeout=timeout)
            if answered == status:
                return path, fields, body

    def message(self, status=200):
        """The next webhook, verified by the reference implementation: its id and its body."""
        _, fields, body = self.next(status)
        return fields["webhook-id"], verified(fields, body)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def verified(fields, body, secret=SECRET):
    """Raises if the signature is wrong."""
    Webhook(secret).verify(body, fields)
    return json.loads(body)


class MailReceiver:
    """A mail server; with `login` it wants this user and password, with `tls` it speaks TLS only."""

    def __init__(self, tls=None, login=None):
        self.mails = queue.Queue()
        self.refused = set()
        outer = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if address in outer.refused:
                    return "550 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
                outer.mails.put((envelope.mail_from, envelope.rcpt_tos, mail))
                return "250 OK"

        def authenticate(server, session, envelope, mechanism, data):
            right = isinstance(data, LoginPassword) and (
                data.login.decode(), data.password.decode()) == login
            return AuthResult(success=right)

        # That a password without TLS would be unsafe.
        warnings.filterwarnings("ignore", module="aiosmtpd")
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
        more = {"authenticator": authenticate, "auth_required": True,
                "auth_require_tls": False} if login else {}
        self.controller = Controller(
            Handler(), hostname="127.0.0.1", port=free_port(), ssl_context=context, **more)
        self.controller.start()
        self.port = self.controller.port
        self.url = f"{'smtps' if tls else 'smtp'}://127.0.0.1:{self.port}"

    def next(self, timeout=60):
        return self.mails.get(timeout=timeout)

    def close(self):
        self.controller.stop()


def certificate(folder):
    """A certificate of this machine, which is its own authority: its file and that of its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True)
    return files
