"""Webhooks as a receiver sees them: each payload is checked with githubkit's models of GitHub's
published events, and each signature with the secret."""

import base64
import hashlib
import hmac
import http.server
import json
import queue
import threading
import unittest
import urllib.parse

from githubkit import GitHub
from githubkit.exception import RequestFailed
from githubkit.webhooks import parse

from support import ACCOUNTS, NAME, OWNER, TOKEN, ForgeCase

VERSION = "2026-03-10"
HERE = (OWNER, NAME)
SECRET = "It's a Secret to Everybody"


class Receiver(http.server.ThreadingHTTPServer):
    """Answers each webhook with `status`, and keeps it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.received = queue.Queue()
        self.status = 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
        self.server.received.put((self.headers, body))

    def log_message(self, *arguments):
        pass


class Webhooks(ForgeCase):
    def setUp(self):
        self.github = GitHub(TOKEN, base_url=self.forge.url, auto_retry=False, http_cache=False)
        self.rest = self.github.rest(VERSION)
        # Its namespaces need the client to live.
        self.client = GitHub(
            ACCOUNTS["ann"], base_url=self.forge.url, auto_retry=False, http_cache=False)
        self.ann = self.client.rest(VERSION)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)
        self.hook = self.rest.repos.create_webhook(
            *HERE, events=["*"],
            config={"url": self.receiver.url, "content_type": "json", "secret": SECRET}).parsed_data
        self.addCleanup(lambda: self.rest.repos.delete_webhook(*HERE, self.hook.id))
        self.expect("ping")

    def next(self):
        headers, body = self.receiver.received.get(timeout=20)
        code = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual(headers["X-Hub-Signature-256"], f"sha256={code}")
        self.assertTrue(headers["User-Agent"].startswith("GitHub-Hookshot/"))
        self.assertEqual(len(headers["X-GitHub-Delivery"]), 36)
        event = parse(headers["X-GitHub-Event"], body)
        return headers["X-GitHub-Event"], event, json.loads(body), headers["X-GitHub-Delivery"]

    def expect(self, *names):
        """The next events with these names, in any order, as GitHub orders none."""
        found = {}
        for _ in names:
            name, event, payload, guid = self.next()
            action = payload.get("action")
            found[f"{name}.{action}" if action else name] = (event, payload, guid)
        self.assertEqual(set(found), set(names))
        return [found[name] for name in names]

    def put(self, branch, path, text):
        self.rest.repos.create_or_update_file_contents(
            *HERE, path, message=f"change {path}", branch=branch,
            content=base64.b64encode(text.encode()).decode())

    def pull(self, name):
        base = self.rest.git.get_ref(*HERE, "heads/main").parsed_data.object_.sha
        self.rest.git.create_ref(*HERE, ref=f"refs/heads/{name}", sha=base)
        created, = self.expect("push")
        self.assertTrue(created[0].created)
        self.put(name, f"{name}.txt", "one\ntwo\n")
        pushed, = self.expect("push")
        self.assertEqual(pushed[1]["commits"][0]["added"], [f"{name}.txt"])
        self.assertEqual(pushed[1]["ref"], f"refs/heads/{name}")
        made = self.rest.pulls.create(*HERE, title=name, head=name, base="main").parsed_data
        opened, = self.expect("pull_request.opened")
        self.assertEqual(opened[1]["number"], made.number)
        self.assertEqual(opened[1]["sender"]["login"], "aipm")
        return made

    def test_a_pull_request(self):
        made = self.pull("hook/pull")
        self.put("hook/pull", "more.txt", "x\n")
        _, moved = self.expect("push", "pull_request.synchronize")
        self.assertEqual(moved[1]["before"], made.head.sha)
        self.assertEqual(moved[1]["after"], moved[1]["pull_request"]["head"]["sha"])
        self.rest.pulls.update(*HERE, made.number, title="another", body="words")
        edited, = self.expect("pull_request.edited")
        self.assertEqual(edited[1]["changes"]["title"]["from"], "hook/pull")
        self.rest.pulls.update(*HERE, made.number, state="closed")
        self.expect("pull_request.closed")
        self.rest.pulls.update(*HERE, made.number, state="open")
        self.expect("pull_request.reopened")
        self.rest.pulls.merge(*HERE, made.number)
        _, closed = self.expect("push", "pull_request.closed")
        self.assertTrue(closed[1]["pull_request"]["merged"])

    def test_a_conversation(self):
        made = self.pull("hook/talk")
        path = "hook/talk.txt"
        comment = self.ann.issues.create_comment(*HERE, made.number, body="hello").parsed_data
        created, = self.expect("issue_comment.created")
        self.assertEqual((created[1]["comment"]["id"], created[1]["issue"]["number"]), (comment.id, made.number))
        self.assertIn("pull_request", created[1]["issue"])
        self.assertEqual(created[1]["sender"]["login"], "ann")
        self.ann.issues.update_comment(*HERE, comment.id, body="hello again")
        edited, = self.expect("issue_comment.edited")
        self.assertEqual(edited[1]["changes"]["body"]["from"], "hello")
        self.ann.issues.delete_comment(*HERE, comment.id)
        self.expect("issue_comment.deleted")
        # A pending review is nobody's business.
        pending = self.ann.pulls.create_review(
            *HERE, made.number, comments=[{"path": path, "line": 1, "body": "one"},
                                          {"path": path, "line": 2, "body": "two"}]).parsed_data
        self.ann.pulls.submit_review(*HERE, made.number, pending.id, event="REQUEST_CHANGES", body="Please.")
        found = [self.next() for _ in range(3)]
        self.assertEqual(
            sorted(f"{name}.{payload['action']}" for name, _, payload, _ in found),
            ["pull_request_review.submitted"] + 2 * ["pull_request_review_comment.created"])
        review = next(payload for name, _, payload, _ in found if name == "pull_request_review")
        self.assertEqual(review["review"]["state"], "changes_requested")
        self.ann.pulls.update_review(*HERE, made.number, pending.id, body="Pretty please.")
        self.expect("pull_request_review.edited")
        single = self.ann.pulls.create_review_comment(
            *HERE, made.number, body="x", commit_id=made.head.sha, path=path, line=1).parsed_data
        self.expect("pull_request_review.submitted", "pull_request_review_comment.created")
        self.ann.pulls.update_review_comment(*HERE, single.id, body="y")
        self.expect("pull_request_review_comment.edited")
        self.ann.pulls.delete_review_comment(*HERE, single.id)
        self.expect("pull_request_review_comment.deleted")
        self.rest.pulls.dismiss_review(*HERE, made.number, pending.id, message="done")
        self.expect("pull_request_review.dismissed")

    def test_checks(self):
        made = self.pull("hook/checks")
        run = self.rest.checks.create(*HERE, name="tests", head_sha=made.head.sha, status="queued").parsed_data
        self.expect("check_run.created")
        self.rest.checks.update(*HERE, run.id, conclusion="failure")
        done, = self.expect("check_run.completed")
        self.assertEqual(done[1]["check_run"]["conclusion"], "failure")
        self.assertEqual(done[1]["check_run"]["pull_requests"][0]["number"], made.number)
        self.rest.repos.create_commit_status(*HERE, made.head.sha, state="error", context="ci")
        status, = self.expect("status")
        self.assertEqual([one["name"] for one in status[1]["branches"]], ["hook/checks"])

    def test_deliveries_are_kept_and_repeated(self):
        self.receiver.status = 500
        self.rest.repos.ping_webhook(*HERE, self.hook.id)
        ping, = self.expect("ping")

        def kept():
            return self.rest.repos.list_webhook_deliveries(*HERE, self.hook.id).parsed_data

        def until(count):
            for _ in range(200):
                if len(kept()) >= count:
                    return kept()
                threading.Event().wait(0.05)
            self.fail(f"{len(kept())} deliveries of {count}")

        failed = until(2)[0]
        self.assertEqual((failed.status_code, failed.event, failed.guid), (500, "ping", ping[2]))
        whole = self.rest.repos.get_webhook_delivery(*HERE, self.hook.id, failed.id).parsed_data
        self.assertEqual(whole.response.payload, "ok")
        shown = self.rest.repos.get_webhook(*HERE, self.hook.id).parsed_data
        self.assertEqual(shown.last_response.code, 500)
        self.assertNotIn(SECRET, str(shown))
        self.receiver.status = 204
        again = self.rest.repos.redeliver_webhook_delivery(*HERE, self.hook.id, failed.id)
        self.assertEqual(again.status_code, 202)
        second, = self.expect("ping")
        self.assertEqual(second[1:], ping[1:])
        self.assertTrue(until(3)[0].redelivery)

    def test_hooks(self):
        repos = self.rest.repos
        self.assertEqual([one.id for one in repos.list_webhooks(*HERE).parsed_data], [self.hook.id])

        def refused(status, call, *arguments, **members):
            with self.assertRaises(RequestFailed) as caught:
                call(*arguments, **members)
            self.assertEqual(caught.exception.response.status_code, status)

        refused(422, repos.create_webhook, *HERE, config={"url": "ftp://example.com"})
        refused(422, repos.create_webhook, *HERE, config={"url": self.receiver.url, "content_type": "json"})
        refused(404, repos.get_webhook, *HERE, 9999)
        # Only administrators see that there are webhooks.
        for call in (self.ann.repos.create_webhook, self.ann.repos.list_webhooks):
            refused(404, call, *HERE)
        changed = repos.update_webhook(*HERE, self.hook.id, events=["status"], active=True).parsed_data
        self.assertEqual(changed.events, ["status"])
        repos.update_webhook(*HERE, self.hook.id, config={"content_type": "form"})
        repos.ping_webhook(*HERE, self.hook.id)
        headers, body = self.receiver.received.get(timeout=20)
        self.assertEqual(headers["Content-Type"], "application/x-www-form-urlencoded")
        payload = urllib.parse.parse_qs(body.decode())["payload"][0]
        self.assertEqual(json.loads(payload)["hook_id"], self.hook.id)


if __name__ == "__main__":
    unittest.main()
