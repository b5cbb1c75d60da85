"""What people say about a pull request: reviews, comments on lines, checks, statuses and
collaborators, checked with githubkit's models of GitHub's description."""

import base64
import unittest
import urllib.request

from githubkit import GitHub
from githubkit.exception import RequestFailed

from support import ACCOUNTS, NAME, OWNER, TOKEN, ForgeCase

VERSION = "2026-03-10"
HERE = (OWNER, NAME)


class Conversation(ForgeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tokens = {"owner": TOKEN} | ACCOUNTS
        clients = {
            login: GitHub(token, base_url=cls.forge.url, auto_retry=False, http_cache=False)
            for login, token in tokens.items()}
        cls.clients = clients
        cls.rest = {login: client.rest(VERSION) for login, client in clients.items()}
        cls.owner, cls.ann = cls.rest["owner"], cls.rest["ann"]

    def refused(self, status, call, *arguments, **members):
        with self.assertRaises(RequestFailed) as caught:
            call(*arguments, **members)
        answer = caught.exception.response
        self.assertEqual(answer.status_code, status, answer.text)
        return answer.json()

    def put(self, branch, path, text, **more):
        made = self.owner.repos.create_or_update_file_contents(
            *HERE, path, message=f"change {path}", branch=branch,
            content=base64.b64encode(text.encode()).decode(), **more)
        return made.parsed_data.content.sha, made.parsed_data.commit.sha

    def pull(self, name, text="".join(f"line {number}\n" for number in range(1, 31))):
        base = self.owner.git.get_ref(*HERE, "heads/main").parsed_data.object_.sha
        self.owner.git.create_ref(*HERE, ref=f"refs/heads/{name}", sha=base)
        self.put(name, f"{name}.txt", text)
        return self.owner.pulls.create(
            *HERE, title=name, head=name, base="main", body="About.").parsed_data

    # Reviews

    def test_a_review_with_comments(self):
        pull = self.pull("review")
        made = self.ann.pulls.create_review(
            *HERE, pull.number, event="REQUEST_CHANGES", body="Two things.",
            comments=[{"path": "review.txt", "line": 3, "side": "RIGHT", "body": "This."},
                      {"path": "review.txt", "start_line": 5, "line": 7, "body": "And these."}]).parsed_data
        self.assertEqual((made.state, made.user.login), ("CHANGES_REQUESTED", "ann"))
        self.assertEqual(made.commit_id, pull.head.sha)
        listed = self.owner.pulls.list_reviews(*HERE, pull.number).parsed_data
        self.assertEqual([one.id for one in listed], [made.id])
        self.assertEqual(self.owner.pulls.get_review(*HERE, pull.number, made.id).parsed_data.body, "Two things.")
        comments = self.owner.pulls.list_comments_for_review(*HERE, pull.number, made.id).parsed_data
        self.assertEqual([(one.line, one.position) for one in comments], [(3, 3), (7, 7)])
        self.assertEqual(comments[0].diff_hunk, "@@ -0,0 +1,30 @@\n+line 1\n+line 2\n+line 3")
        everything = self.owner.pulls.list_review_comments(*HERE, pull.number).parsed_data
        self.assertEqual((everything[1].start_line, everything[1].start_side), (5, "RIGHT"))
        self.assertEqual(everything[0].pull_request_review_id, made.id)
        shown = self.owner.pulls.get(*HERE, pull.number).parsed_data
        self.assertEqual(shown.review_comments, 2)
        dismissed = self.owner.pulls.dismiss_review(*HERE, pull.number, made.id, message="Done.").parsed_data
        self.assertEqual(dismissed.state, "DISMISSED")

    def test_a_pending_review_is_its_authors_alone(self):
        pull = self.pull("pending")
        pending = self.ann.pulls.create_review(
            *HERE, pull.number,
            comments=[{"path": "pending.txt", "line": 1, "body": "Hm."}]).parsed_data
        self.assertEqual(pending.state, "PENDING")
        self.assertFalse(pending.submitted_at)
        self.assertEqual(len(self.ann.pulls.list_reviews(*HERE, pull.number).parsed_data), 1)
        self.assertEqual(len(self.ann.pulls.list_comments_for_review(*HERE, pull.number, pending.id).parsed_data), 1)
        self.assertEqual(self.owner.pulls.list_reviews(*HERE, pull.number).parsed_data, [])
        self.assertEqual(self.owner.pulls.list_review_comments(*HERE, pull.number).parsed_data, [])
        self.refused(404, self.owner.pulls.get_review, *HERE, pull.number, pending.id)
        self.refused(404, self.owner.pulls.list_comments_for_review, *HERE, pull.number, pending.id)
        second = self.refused(422, self.ann.pulls.create_review, *HERE, pull.number)
        self.assertEqual(second["errors"], ["User can only have one pending review per pull request"])
        done = self.ann.pulls.submit_review(*HERE, pull.number, pending.id, event="COMMENT", body="So.").parsed_data
        self.assertEqual((done.state, done.body), ("COMMENTED", "So."))
        self.assertEqual(len(self.owner.pulls.list_review_comments(*HERE, pull.number).parsed_data), 1)
        again = self.ann.pulls.create_review(*HERE, pull.number).parsed_data
        self.ann.pulls.delete_pending_review(*HERE, pull.number, again.id)
        self.refused(422, self.ann.pulls.delete_pending_review, *HERE, pull.number, done.id)
        self.assertEqual(len(self.ann.pulls.list_reviews(*HERE, pull.number).parsed_data), 1)

    def test_refused_reviews(self):
        pull = self.pull("refused")
        create = self.ann.pulls.create_review
        answer = self.refused(422, create, *HERE, pull.number, event="COMMENT",
                              comments=[{"path": "refused.txt", "line": 99, "body": "x"}])
        self.assertEqual(answer["message"], "Unprocessable Entity")
        self.assertIn("line must be part of the diff", answer["errors"][0])
        answer = self.refused(422, create, *HERE, pull.number, event="COMMENT",
                              comments=[{"path": "other.txt", "line": 1, "body": "x"}])
        self.assertIn("path is invalid", answer["errors"][0])
        self.assertEqual(self.ann.pulls.list_reviews(*HERE, pull.number).parsed_data, [])
        own = self.refused(422, self.owner.pulls.create_review, *HERE, pull.number, event="APPROVE")
        self.assertEqual(own["errors"], ["Can not approve your own pull request"])
        self.refused(422, create, *HERE, pull.number, event="COMMENT")
        self.assertEqual(create(*HERE, pull.number, event="APPROVE").parsed_data.state, "APPROVED")

    # Comments on lines

    def test_comments_threads_and_their_places(self):
        pull = self.pull("lines")
        create = self.ann.pulls.create_review_comment
        first = create(*HERE, pull.number, body="Why?", commit_id=pull.head.sha, path="lines.txt",
                       line=10, side="RIGHT").parsed_data
        self.assertEqual((first.line, first.original_line, first.position), (10, 10, 10))
        self.assertTrue(first.pull_request_review_id)
        reply = self.owner.pulls.create_reply_for_review_comment(
            *HERE, pull.number, first.id, body="Because.").parsed_data
        self.assertEqual(reply.in_reply_to_id, first.id)
        third = create(*HERE, pull.number, body="Ah.", in_reply_to=reply.id, commit_id=pull.head.sha,
                       path="lines.txt").parsed_data
        self.assertEqual(third.in_reply_to_id, first.id)
        file = create(*HERE, pull.number, body="All of it.", commit_id=pull.head.sha, path="lines.txt",
                      subject_type="file").parsed_data
        self.assertEqual((file.subject_type, file.line), ("file", None))
        answer = self.refused(422, create, *HERE, pull.number, body="x", commit_id=pull.head.sha,
                              path="lines.txt", line=31)
        self.assertEqual(answer["errors"][0]["field"], "pull_request_review_thread.line")
        self.assertEqual(answer["errors"][0]["resource"], "PullRequestReviewComment")
        self.refused(422, create, *HERE, pull.number, body="x", commit_id="0" * 40, path="lines.txt", line=1)
        self.refused(404, self.ann.pulls.get_review_comment, *HERE, 999)
        self.refused(404, self.ann.pulls.create_reply_for_review_comment, *HERE, pull.number, 999, body="x")

        def now():
            return self.ann.pulls.get_review_comment(*HERE, first.id).parsed_data

        # Lines above move the comment; a change of its line makes it outdated.
        blob = self.owner.repos.get_content(*HERE, "lines.txt", ref="lines").parsed_data.sha
        text = "".join(f"line {number}\n" for number in range(1, 31))
        blob, head = self.put("lines", "lines.txt", "new\nnew\n" + text, sha=blob)
        self.assertEqual((now().line, now().position, now().original_line), (12, 12, 10))
        self.assertEqual((now().commit_id, now().original_commit_id), (head, pull.head.sha))
        self.put("lines", "lines.txt", text.replace("line 10\n", "line ten\n"), sha=blob)
        self.assertEqual((now().line, now().position, now().original_line), (None, None, 10))
        self.assertEqual(now().commit_id, pull.head.sha)

        edited = self.ann.pulls.update_review_comment(*HERE, first.id, body="Why, please?").parsed_data
        self.assertEqual(edited.body, "Why, please?")
        self.refused(403, self.rest["stranger"].pulls.update_review_comment, *HERE, first.id, body="x")
        self.refused(403, self.rest["stranger"].pulls.delete_review_comment, *HERE, first.id)
        self.ann.pulls.delete_review_comment(*HERE, first.id)
        self.refused(404, self.ann.pulls.get_review_comment, *HERE, first.id)
        listed = self.owner.pulls.list_review_comments_for_repo(
            *HERE, sort="created", direction="desc", since="2026-01-01T00:00:00Z").parsed_data
        self.assertIn(reply.id, [one.id for one in listed])
        later = self.owner.pulls.list_review_comments(*HERE, pull.number, since="2100-01-01T00:00:00Z")
        self.assertEqual(later.parsed_data, [])

    def test_comments_on_removed_lines(self):
        base = self.owner.git.get_ref(*HERE, "heads/main").parsed_data.object_.sha
        self.owner.git.create_ref(*HERE, ref="refs/heads/removed", sha=base)
        blob = self.owner.repos.get_content(*HERE, "README.md", ref="removed").parsed_data.sha
        self.put("removed", "README.md", "another\n", sha=blob)
        pull = self.owner.pulls.create(*HERE, title="t", head="removed", base="main").parsed_data
        made = self.ann.pulls.create_review_comment(
            *HERE, pull.number, body="Keep it.", commit_id=pull.head.sha, path="README.md", line=1,
            side="LEFT").parsed_data
        self.assertEqual((made.side, made.line, made.position), ("LEFT", 1, 1))

    def test_comments_of_the_pull_request(self):
        pull = self.pull("talk")
        made = self.ann.issues.create_comment(*HERE, pull.number, body="A word.").parsed_data
        self.assertEqual(made.user.login, "ann")
        edited = self.ann.issues.update_comment(*HERE, made.id, body="Two words.").parsed_data
        self.assertEqual(edited.body, "Two words.")
        self.refused(403, self.rest["stranger"].issues.update_comment, *HERE, made.id, body="x")
        listed = self.owner.issues.list_comments_for_repo(*HERE, since="2026-01-01T00:00:00Z").parsed_data
        self.assertIn(made.id, [one.id for one in listed])
        self.assertEqual(self.owner.issues.list_comments(
            *HERE, pull.number, since="2100-01-01T00:00:00Z").parsed_data, [])
        self.ann.issues.delete_comment(*HERE, made.id)
        self.refused(404, self.owner.issues.get_comment, *HERE, made.id)

    # Checks

    def test_check_runs(self):
        pull = self.pull("checks")
        checks = self.rest["owner"].checks
        made = checks.create(*HERE, name="tests", head_sha=pull.head.sha, status="in_progress").parsed_data
        self.assertEqual((made.status, made.conclusion), ("in_progress", None))
        self.assertEqual([one.number for one in made.pull_requests], [pull.number])
        self.assertEqual(self.owner.pulls.get(*HERE, pull.number).parsed_data.mergeable_state, "unstable")
        done = checks.update(
            *HERE, made.id, conclusion="failure",
            output={"title": "1 failed", "summary": "One test failed.", "annotations": [
                {"path": "checks.txt", "start_line": 2, "end_line": 2, "annotation_level": "failure",
                 "message": "expected 1", "title": "testOne"}]}).parsed_data
        self.assertEqual((done.status, done.conclusion, done.output.annotations_count), ("completed", "failure", 1))
        notes = checks.list_annotations(*HERE, made.id).parsed_data
        self.assertEqual([(one.path, one.message) for one in notes], [("checks.txt", "expected 1")])
        again = checks.create(*HERE, name="tests", head_sha=pull.head.sha, conclusion="success").parsed_data
        latest = checks.list_for_ref(*HERE, "checks").parsed_data
        self.assertEqual((latest.total_count, [one.id for one in latest.check_runs]), (1, [again.id]))
        everything = checks.list_for_ref(*HERE, pull.head.sha, filter_="all").parsed_data
        self.assertEqual(everything.total_count, 2)
        self.assertEqual(checks.get(*HERE, made.id).parsed_data.app.slug, "aipm")
        self.assertEqual(self.owner.pulls.get(*HERE, pull.number).parsed_data.mergeable_state, "clean")
        self.refused(422, checks.create, *HERE, name="x", head_sha="0" * 40)
        self.refused(404, checks.get, *HERE, 9999)
        self.refused(403, self.rest["stranger"].checks.create, *HERE, name="x", head_sha=pull.head.sha)

    def test_the_log_of_a_job(self):
        pull = self.pull("log")
        made = self.owner.checks.create(*HERE, name="job", head_sha=pull.head.sha, conclusion="failure").parsed_data
        path = f"/repos/{OWNER}/{NAME}/actions/jobs/{made.id}/logs"
        self.refused(404, self.owner.actions.download_job_logs_for_workflow_run, *HERE, made.id)
        put = self.clients["owner"].request("PUT", path, json={"content": "first\nlast: exit 1\n"})
        self.assertEqual(put.status_code, 204)

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *arguments):
                return None

        request = urllib.request.Request(
            self.forge.url + path, headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": "a test"})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(Stay).open(request, timeout=30)
        self.assertEqual(caught.exception.code, 302)
        address = caught.exception.headers["Location"]
        self.assertEqual(self.forge.page(address), "first\nlast: exit 1\n")
        with self.assertRaises(urllib.error.HTTPError):
            self.forge.page(address[:-1] + ("0" if address[-1] != "0" else "1"))
        followed = self.owner.actions.download_job_logs_for_workflow_run(*HERE, made.id)
        self.assertEqual(followed.text, "first\nlast: exit 1\n")

    def test_statuses(self):
        pull = self.pull("status")
        create = self.owner.repos.create_commit_status
        for state in ["pending", "failure"]:
            made = create(*HERE, pull.head.sha, state=state, context="ci/build",
                          target_url="https://ci.example.com/1").parsed_data
        self.assertEqual((made.state, made.context), ("failure", "ci/build"))
        create(*HERE, pull.head.sha, state="success", context="ci/lint", description="fine")
        whole = self.owner.repos.get_combined_status_for_ref(*HERE, "status").parsed_data
        self.assertEqual((whole.state, whole.total_count, whole.sha), ("failure", 2, pull.head.sha))
        listed = self.owner.repos.list_commit_statuses_for_ref(*HERE, pull.head.sha).parsed_data
        self.assertEqual(len(listed), 3)
        self.refused(422, create, *HERE, pull.head.sha, state="error", target_url="javascript:alert(1)")
        none = self.owner.repos.get_combined_status_for_ref(*HERE, "main").parsed_data
        self.assertEqual((none.state, none.total_count), ("pending", 0))

    # Branches

    def test_a_branch_is_updated_and_merged(self):
        pull = self.pull("behind")
        self.put("main", "elsewhere.txt", "x\n")
        self.refused(422, self.owner.pulls.update_branch, *HERE, pull.number, expected_head_sha="0" * 40)
        done = self.owner.pulls.update_branch(*HERE, pull.number, expected_head_sha=pull.head.sha)
        self.assertEqual(done.status_code, 202)
        self.assertTrue(done.parsed_data.message)
        now = self.owner.pulls.get(*HERE, pull.number).parsed_data
        self.assertNotEqual(now.head.sha, pull.head.sha)
        commit = self.owner.git.get_commit(*HERE, now.head.sha).parsed_data
        self.assertEqual(len(commit.parents), 2)
        self.refused(422, self.owner.pulls.update_branch, *HERE, pull.number)
        merged = self.owner.repos.merge(*HERE, base="main", head="behind")
        self.assertEqual(merged.status_code, 201)
        self.assertEqual(len(merged.parsed_data.parents), 2)
        self.assertTrue(self.owner.pulls.get(*HERE, pull.number).parsed_data.merged)
        self.assertEqual(self.owner.repos.merge(*HERE, base="main", head="behind").status_code, 204)
        self.refused(404, self.owner.repos.merge, *HERE, base="main", head="missing")

    def test_a_conflict_is_seen(self):
        pull = self.pull("conflict")
        self.put("main", "conflict.txt", "mine\n")
        shown = self.owner.pulls.get(*HERE, pull.number).parsed_data
        self.assertEqual((shown.mergeable, shown.mergeable_state), (False, "dirty"))
        self.refused(422, self.owner.pulls.update_branch, *HERE, pull.number)
        self.refused(409, self.owner.repos.merge, *HERE, base="main", head="conflict")

    # People

    def test_collaborators(self):
        repos = self.owner.repos

        def level(login):
            return repos.get_collaborator_permission_level(*HERE, login).parsed_data.permission

        self.assertEqual((level("aipm"), level(OWNER), level("demo")), ("admin", "admin", "write"))
        self.assertEqual(level("stranger"), "read")
        self.refused(404, repos.check_collaborator, *HERE, "stranger")
        self.assertEqual(repos.add_collaborator(*HERE, "stranger", permission="maintain").status_code, 204)
        found = repos.get_collaborator_permission_level(*HERE, "stranger").parsed_data
        self.assertEqual((found.permission, found.role_name), ("write", "maintain"))
        self.assertEqual(repos.check_collaborator(*HERE, "stranger").status_code, 204)
        listed = repos.list_collaborators(*HERE).parsed_data
        self.assertIn(("stranger", "maintain"), [(one.login, one.role_name) for one in listed])
        self.refused(403, self.rest["stranger"].repos.add_collaborator, *HERE, "ann")
        repos.remove_collaborator(*HERE, "stranger")
        self.assertEqual(level("stranger"), "read")
        self.refused(422, repos.add_collaborator, *HERE, "ann", permission="all")

    def test_bots(self):
        pull = self.pull("bot")
        made = self.rest["checks[bot]"].issues.create_comment(*HERE, pull.number, body="Beep.").parsed_data
        self.assertEqual((made.user.login, made.user.type), ("checks[bot]", "Bot"))
        found = self.owner.users.get_by_username("checks[bot]").parsed_data
        self.assertEqual(found.type, "Bot")
        self.assertEqual(made.author_association, "NONE")


if __name__ == "__main__":
    unittest.main()
