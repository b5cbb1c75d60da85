"""Notifications of real delegations: signed webhooks, texts for Slack, and mail."""

import json
import tempfile
import time
import unittest
from pathlib import Path

from receivers import SECRET, HTTPReceiver, MailReceiver, certificate, verified
from standardwebhooks import Webhook, WebhookVerificationError
from support import Server, free_port

TEMPLATES = """
notifications:
  slack: "{{state}} <{{pullRequest}}|{{title}}> of {{requester}}{{#failureCode}}: {{failureCode}}{{/failureCode}}"
  mail-subject: "{{state}}: {{title}}"
"""
EVIL = "<!channel> übel & <https://evil.example|x>"


class NotificationTests(unittest.TestCase):
    """One server with a receiver of each kind."""

    @classmethod
    def setUpClass(cls):
        cls.webhook, cls.slack, cls.mail = HTTPReceiver(), HTTPReceiver(), MailReceiver()
        for receiver in (cls.webhook, cls.slack, cls.mail):
            cls.addClassCleanup(receiver.close)
        cls.server = Server(
            "--notify", cls.webhook.url + "/of/aipm", "--smtp", cls.mail.url,
            "--mail-from", "aipm@example.org", "--mail-to", "team@example.org", "lead@example.org",
            workflow=TEMPLATES, AIPM_NOTIFY_SECRET=SECRET,
            AIPM_NOTIFY_SLACK_URL=cls.slack.url + "/services/T0/B0/hush-hush")
        cls.addClassCleanup(cls.server.close)

    def event(self, delegation, type):
        """The last event of this type."""
        events = self.server.send("GET", f"/api/delegations/{delegation['id']}/events")["items"]
        return [event for event in events if event["type"] == type][-1]

    def test_all_hear_of_a_push(self):
        delegation = self.server.delegate(agent="demo", workflow="traced", taskTitle=EVIL)
        path, fields, body = self.webhook.next()
        message = verified(fields, body)
        self.assertEqual(path, "/of/aipm")
        event = self.event(delegation, "delegation.pushed")
        self.assertEqual(fields["webhook-id"], event["id"])
        self.assertEqual((message["type"], message["timestamp"]), (event["type"], event["time"]))
        data = message["data"]
        self.assertEqual(data["id"], delegation["id"])
        self.assertEqual(data["repository"], {"owner": "acme", "repo": "tools"})
        self.assertEqual(data["branchName"], delegation["branchName"])
        self.assertEqual(data["pullRequest"]["html_url"], delegation["pullRequest"]["html_url"])
        self.assertEqual(
            (data["state"], data["requester"], data["failure"]), ("Pushed", "local", None))
        # What a receiver must refuse.
        with self.assertRaises(WebhookVerificationError):
            Webhook(SECRET).verify(body.replace(b"Pushed", b"Failed"), fields)
        with self.assertRaises(WebhookVerificationError):
            Webhook(SECRET).verify(body, fields | {"webhook-id": "other"})
        with self.assertRaises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 40).verify(body, fields)
        # Slack.
        path, _, body = self.slack.next()
        self.assertEqual(path, "/services/T0/B0/hush-hush")
        self.assertEqual(
            json.loads(body)["text"],
            f"Pushed <{delegation['pullRequest']['html_url']}|&lt;!channel&gt; übel &amp; "
            "&lt;https://evil.example|x&gt;> of local")
        # Mail.
        sender, recipients, mail = self.mail.next()
        self.assertEqual(sender, "aipm@example.org")
        self.assertEqual(recipients, ["team@example.org", "lead@example.org"])
        self.assertEqual(mail["subject"], f"Pushed: {EVIL}")
        self.assertEqual(mail["message-id"], f"<{event['id']}@example.org>")
        self.assertEqual(mail["auto-submitted"], "auto-generated")
        self.assertIn(delegation["pullRequest"]["html_url"], mail.get_content())
        self.assertEqual(list(mail.defects), [])
        self.assertNotIn("hush-hush", self.server.said())

    def test_a_failure_has_its_code_and_its_sentence(self):
        self.server.failing.touch()
        self.server.failing.chmod(0o666)
        delegation = self.server.delegate(agent="traced", workflow="traced")
        _, message = self.webhook.message()
        self.assertEqual(message["type"], "delegation.failed")
        for name in ("step", "code", "message", "retryable"):
            self.assertEqual(message["data"]["failure"][name], delegation["failure"][name])
        self.assertTrue(
            json.loads(self.slack.next()[2])["text"].endswith("of local: agent-failed"))
        self.assertIn(delegation["failure"]["message"], self.mail.next()[2].get_content())

    def test_a_failed_call_is_repeated_with_the_same_id_and_body(self):
        self.webhook.answers[:] = [(500, {}), (429, {"Retry-After": "2"})]
        self.server.delegate(agent="demo", workflow="traced")
        calls = [self.webhook.next(status) for status in (500, 429, 200)]
        self.assertEqual(len({fields["webhook-id"] for _, fields, _ in calls}), 1)
        self.assertEqual(len({body for _, _, body in calls}), 1)
        times = [int(fields["webhook-timestamp"]) for _, fields, _ in calls]
        self.assertGreaterEqual(times[2] - times[1], 1)
        for _, fields, body in calls:
            verified(fields, body)
        self.slack.next()
        self.mail.next()


class RecoveryTests(unittest.TestCase):
    """What is down, and what is killed."""

    def server(self, *arguments, **variables):
        server = Server(
            *arguments, workflow=TEMPLATES, AIPM_NOTIFY_SECRET=SECRET, **variables)
        self.addCleanup(server.close)
        return server

    def receiver(self, *arguments, **named):
        receiver = HTTPReceiver(*arguments, **named)
        self.addCleanup(receiver.close)
        return receiver

    def wait_for_position(self, server, position):
        folder = server.folder / "data" / "deliveries"
        deadline = time.monotonic() + 30
        while not any(file.read_text() == f"{position}\n" for file in folder.glob("webhook-*[0-9a-f]")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_a_receiver_that_was_down_gets_everything_in_order_also_after_a_crash(self):
        port, other = free_port(), self.receiver()
        states = ["Requested", "BranchCreated", "TaskCommitted", "PRCreated", "Dispatched",
                  "Generating", "Pushed"]
        arguments = ("--notify", f"http://127.0.0.1:{port}", other.url, "--notify-states", *states)
        server = self.server(*arguments)
        delegation = server.delegate(agent="demo", workflow="traced")
        # Another receiver does not wait for it.
        got = [other.message()[1]["data"]["state"] for _ in states]
        self.assertEqual(got, states)
        self.assertEqual(server.metric("aipm_delivery_receivers", channel="webhook", state="failing"), 1)
        server.kill()
        late = self.receiver(port)
        server.start(*arguments)
        events = server.send("GET", f"/api/delegations/{delegation['id']}/events")["items"]
        ids = {event["id"]: event["type"] for event in events}
        messages = [late.message() for _ in states]
        self.assertEqual([message["data"]["state"] for _, message in messages], states)
        self.assertEqual([ids[id] for id, _ in messages], [one["type"] for _, one in messages])
        # What was taken is not sent again.
        again = server.delegate(agent="demo", workflow="traced")
        self.assertEqual(late.message()[1]["data"]["id"], again["id"])

    def test_killed_between_tries(self):
        receiver = self.receiver(usual=500)
        server = self.server("--notify", receiver.url)
        server.delegate(agent="demo", workflow="traced")
        first = receiver.message(500)
        server.kill()
        receiver.usual = 200
        # A receiver that is configured later begins with what happens then.
        new = self.receiver()
        arguments = ("--notify", receiver.url, new.url)
        server.start(*arguments)
        self.assertEqual(receiver.message(), first)
        # Killed before the position is on disk, it would send the same once more.
        self.wait_for_position(server, first[1]["data"]["position"])
        server.kill()
        server.start(*arguments)
        later = server.delegate(agent="demo", workflow="traced")
        for one in (receiver, new):
            self.assertEqual(one.message()[1]["data"]["id"], later["id"])
            self.assertTrue(one.calls.empty())

    def test_gone_redirected_and_refused(self):
        gone, elsewhere, target, refusing = (self.receiver() for _ in range(4))
        gone.usual = 410
        elsewhere.answers[:] = [(302, {"Location": target.url})]
        refusing.usual = 403
        server = self.server(
            "--notify", gone.url, elsewhere.url, refusing.url, "--notify-patience", "3s")
        first = server.delegate(agent="demo", workflow="traced")
        self.assertEqual(elsewhere.message(302)[0], elsewhere.message()[0])
        self.assertTrue(target.calls.empty())
        gone.next(410)
        deadline = time.monotonic() + 60
        while server.metric("aipm_deliveries_total", channel="webhook", outcome="given-up") != 1:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        second = server.delegate(agent="demo", workflow="traced")
        self.assertEqual(elsewhere.message()[1]["data"]["id"], second["id"])
        self.assertTrue(gone.calls.empty())
        self.assertEqual(
            server.metric("aipm_delivery_receivers", channel="webhook", state="disabled"), 1)
        said = server.said()
        self.assertIn("is gone", said)
        self.assertIn(first["id"], said)
        self.assertIn("given up: it answered 403", said)


class MailTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tls = certificate(Path(folder.name))

    def server(self, mail, **variables):
        server = Server(
            "--smtp", mail.url, "--mail-from", "aipm@example.org", "--mail-to", "team@example.org",
            AIPM_SMTP_USER="aipm", AIPM_SMTP_PASSWORD="hush-hush-pass", **variables)
        self.addCleanup(server.close)
        return server

    def doctor(self, server, mail):
        server.environment |= {
            "AIPM_SMTP": mail.url, "AIPM_MAIL_FROM": "aipm@example.org",
            "AIPM_MAIL_TO": "team@example.org"}
        done = server.run("doctor", "--json", "--sandbox", "off", check=False)
        self.assertNotIn("hush-hush-pass", done.stdout + done.stderr)
        return next(one for one in json.loads(done.stdout)["checks"] if one["check"] == "mail")

    def test_with_tls_and_a_password(self):
        mail = MailReceiver(tls=self.tls, login=("aipm", "hush-hush-pass"))
        self.addCleanup(mail.close)
        server = self.server(mail, AIPM_CA_FILE=str(self.tls[0]))
        delegation = server.delegate(agent="demo", workflow="traced")
        _, recipients, received = mail.next()
        self.assertEqual(recipients, ["team@example.org"])
        self.assertIn("[acme/tools] Pushed", received["subject"])
        self.assertIn(delegation["confirmationCode"], received.get_content())
        self.assertEqual(self.doctor(server, mail)["state"], "ok")
        shown = server.run("config", "show")
        self.assertNotIn("hush-hush-pass", shown + server.said())
        self.assertRegex(shown, r"smtp-password +\*\*\*")

    def test_an_unknown_certificate_and_a_wrong_password_are_refused(self):
        mail = MailReceiver(tls=self.tls, login=("aipm", "another"))
        self.addCleanup(mail.close)
        server = self.server(mail)
        server.delegate(agent="demo", workflow="traced")
        deadline = time.monotonic() + 60
        while not server.metric("aipm_deliveries_total", channel="mail", outcome="failed"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertTrue(mail.mails.empty())
        self.assertIn("certificate", server.said())
        self.assertEqual(self.doctor(server, mail)["state"], "fault")
        server.environment["AIPM_CA_FILE"] = str(self.tls[0])
        finding = self.doctor(server, mail)
        self.assertEqual(finding["state"], "fault")
        self.assertNotIn("certificate", finding["detail"])

    def test_a_mailbox_that_is_refused_does_not_hold_up_the_others(self):
        mail = MailReceiver()
        self.addCleanup(mail.close)
        mail.refused.add("team@example.org")
        server = Server(
            "--smtp", mail.url, "--mail-from", "aipm@example.org", "--mail-to", "team@example.org",
            "lead@example.org")
        self.addCleanup(server.close)
        server.delegate(agent="demo", workflow="traced")
        self.assertEqual(mail.next()[1], ["lead@example.org"])


class SettingTests(unittest.TestCase):
    def test_invalid_settings_are_explained_without_secrets(self):
        server = Server()
        self.addCleanup(server.close)
        cases = [
            (["--notify", "https://a.example"], {}, "needs AIPM_NOTIFY_SECRET"),
            (["--notify", "https://a.example"], {"AIPM_NOTIFY_SECRET": "hush-hush"}, "whsec_"),
            (["--notify", "https://u:hush-hush@a"], {"AIPM_NOTIFY_SECRET": SECRET}, "invalid address"),
            (["--notify", "https://a", "https://a"], {"AIPM_NOTIFY_SECRET": SECRET}, "twice"),
            (["--notify-states", "Pused"], {}, "Pushed"),
            (["--notify-patience", "soon"], {}, "notify-patience"),
            ([], {"AIPM_NOTIFY_SLACK_URL": "http://hooks.slack.example/hush-hush"}, "https"),
            (["--smtp", "mail.example"], {}, "smtps://HOST:465"),
            (["--smtp", "smtps://u:hush-hush@mail.example"], {}, "smtps://HOST:465"),
            (["--smtp", "smtps://mail.example"], {}, "needs mail-from"),
            (["--smtp", "smtps://mail.example", "--mail-from", "a@b"], {}, "needs mail-to"),
            (["--smtp", "smtps://mail.example", "--mail-from", "a@b", "--mail-to", "x, y@z"], {},
             "team@example.org"),
            (["--mail-to", "a@b"], {}, "smtp is not"),
        ]
        for arguments, variables, text in cases:
            with self.subTest(arguments=arguments):
                kept = dict(server.environment)
                server.environment |= variables
                done = server.run("config", "show", *arguments, check=False)
                server.environment = kept
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertNotIn("hush-hush", done.stderr)


if __name__ == "__main__":
    unittest.main()
