"""githubkit checks each answer with models that are made of GitHub's own description of its API:
what it takes for GitHub's is GitHub's to the last field that the description calls for."""

import base64
import unittest
import urllib.error
import urllib.request

from githubkit import GitHub
from githubkit.exception import RequestFailed

from support import NAME, OWNER, TOKEN, ForgeCase

VERSION = "2026-03-10"
PERSON = {"name": "Ann", "email": "ann@example.com", "date": "2026-11-23T12:00:00Z"}


class GitHubKit(ForgeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.github = GitHub(TOKEN, base_url=cls.forge.url, auto_retry=False)
        cls.rest = cls.github.rest(VERSION)

    def refused(self, status, call, *arguments, **members):
        with self.assertRaises(RequestFailed) as caught:
            call(*arguments, **members)
        answer = caught.exception.response
        self.assertEqual(answer.status_code, status, answer.text)
        return answer.json()

    def head(self):
        return self.rest.git.get_ref(OWNER, NAME, "heads/main").parsed_data.object_.sha

    def branch(self, name):
        """A branch with TASK.md on it."""
        base = self.head()
        made = self.rest.git.create_ref(OWNER, NAME, ref=f"refs/heads/{name}", sha=base)
        self.assertEqual(made.status_code, 201)
        self.assertEqual(made.parsed_data.ref, f"refs/heads/{name}")
        self.assertEqual(made.parsed_data.object_.sha, base)
        put = self.rest.repos.create_or_update_file_contents(
            OWNER, NAME, "TASK.md", message=f"feat: {name}", branch=name,
            content=base64.b64encode(b"# Task\n").decode(), author=PERSON, committer=PERSON)
        self.assertEqual(put.status_code, 201)
        return base, put.parsed_data

    def pull(self, name):
        made = self.rest.pulls.create(
            OWNER, NAME, title=f"feat: {name}", head=name, base="main", body=f"About {name}.")
        self.assertEqual(made.status_code, 201)
        return made.parsed_data

    def test_repository(self):
        found = self.rest.repos.get(OWNER, NAME).parsed_data
        self.assertEqual(found.default_branch, "main")
        self.assertEqual(found.full_name, f"{OWNER}/{NAME}")
        self.assertEqual(found.clone_url, f"{self.forge.url}/{OWNER}/{NAME}.git")
        self.assertTrue(found.node_id)
        self.assertTrue(found.permissions.push)
        self.assertEqual(self.refused(404, self.rest.repos.get, OWNER, "missing")["message"], "Not Found")

    def test_who_and_limits(self):
        self.assertTrue(self.rest.users.get_authenticated().parsed_data.login)
        self.assertGreater(self.rest.rate_limit.get().parsed_data.resources.core.remaining, 0)

    def test_branch(self):
        found = self.rest.repos.get_branch(OWNER, NAME, "main").parsed_data
        self.assertEqual(found.commit.sha, self.head())
        self.assertTrue(found.commit.commit.tree.sha)
        self.refused(404, self.rest.repos.get_branch, OWNER, NAME, "missing")

    def test_refs(self):
        base, _ = self.branch("kit/refs")
        found = self.rest.git.get_ref(OWNER, NAME, "heads/kit/refs").parsed_data
        self.assertEqual(found.ref, "refs/heads/kit/refs")
        self.refused(404, self.rest.git.get_ref, OWNER, NAME, "heads/kit")
        create = self.rest.git.create_ref
        again = self.refused(422, create, OWNER, NAME, ref="refs/heads/kit/refs", sha=base)
        self.assertEqual(again["message"], "Reference already exists")
        clash = self.refused(422, create, OWNER, NAME, ref="refs/heads/kit/refs/x", sha=base)
        self.assertEqual(clash["message"], "Reference update failed")
        moved = self.rest.git.update_ref(OWNER, NAME, "heads/kit/refs", sha=base, force=True)
        self.assertEqual(moved.parsed_data.object_.sha, base)

    def test_objects_are_the_same_each_time(self):
        tree = self.rest.git.get_commit(OWNER, NAME, self.head()).parsed_data.tree.sha
        blob = self.rest.git.create_blob(OWNER, NAME, content="x\n", encoding="utf-8").parsed_data.sha

        def commit():
            made = self.rest.git.create_tree(
                OWNER, NAME, base_tree=tree,
                tree=[{"path": "a/b.txt", "mode": "100644", "type": "blob", "sha": blob}]).parsed_data
            return self.rest.git.create_commit(
                OWNER, NAME, message="m\n", tree=made.sha, parents=[self.head()], author=PERSON,
                committer=PERSON).parsed_data.sha

        self.assertEqual(commit(), commit())

    def test_contents(self):
        _, put = self.branch("kit/contents")
        self.assertEqual(put.content.path, "TASK.md")
        self.assertEqual(put.commit.message, "feat: kit/contents")
        found = self.rest.repos.get_content(OWNER, NAME, "TASK.md", ref="kit/contents").parsed_data
        self.assertEqual(found.sha, put.content.sha)
        call = self.rest.repos.create_or_update_file_contents
        body = {"message": "m", "branch": "kit/contents", "content": base64.b64encode(b"y").decode()}
        self.assertIn('"sha" wasn\'t supplied', self.refused(422, call, OWNER, NAME, "TASK.md", **body)["message"])
        self.refused(409, call, OWNER, NAME, "TASK.md", **body, sha="0" * 40)
        self.assertEqual(call(OWNER, NAME, "TASK.md", **body, sha=found.sha).status_code, 200)

    def test_commits_and_comparison(self):
        base, put = self.branch("kit/compare")
        head = self.rest.repos.get_commit(OWNER, NAME, "HEAD").parsed_data
        self.assertEqual(head.sha, base)
        compared = self.rest.repos.compare_commits(OWNER, NAME, f"{base}...kit/compare").parsed_data
        self.assertEqual([commit.sha for commit in compared.commits], [put.commit.sha])
        self.assertEqual((compared.status, compared.ahead_by), ("ahead", 1))

    def test_pull_requests(self):
        _, put = self.branch("kit/pull")
        made = self.pull("kit/pull")
        self.assertEqual(made.head.sha, put.commit.sha)
        self.assertFalse(made.merged)
        again = self.refused(
            422, self.rest.pulls.create, OWNER, NAME, title="t", head="kit/pull", base="main")
        self.assertEqual(
            again["errors"][0]["message"], f"A pull request already exists for {OWNER}:kit/pull.")
        self.rest.git.create_ref(OWNER, NAME, ref="refs/heads/kit/same", sha=self.head())
        same = self.refused(
            422, self.rest.pulls.create, OWNER, NAME, title="t", head="kit/same", base="main")
        self.assertIn("No commits between main and kit/same", same["errors"][0]["message"])
        listed = self.rest.pulls.list(OWNER, NAME, head=f"{OWNER}:kit/pull", state="all").parsed_data
        self.assertEqual([pull.number for pull in listed], [made.number])
        self.assertEqual(self.rest.pulls.get(OWNER, NAME, made.number).parsed_data.state, "open")
        changed = self.rest.pulls.update(OWNER, NAME, made.number, state="closed").parsed_data
        self.assertEqual(changed.state, "closed")
        self.assertIn("kit/pull", self.forge.page(made.html_url))

    def test_drafts(self):
        self.branch("kit/draft")
        made = self.rest.pulls.create(
            OWNER, NAME, title="t", head="kit/draft", base="main", draft=True).parsed_data
        self.assertTrue(made.draft)

    def test_comments_labels_and_reviewers(self):
        self.branch("kit/talk")
        number = self.pull("kit/talk").number
        comment = self.rest.issues.create_comment(OWNER, NAME, number, body="marked").parsed_data
        listed = self.rest.issues.list_comments(OWNER, NAME, number).parsed_data
        self.assertEqual([one.id for one in listed], [comment.id])
        labels = self.rest.issues.add_labels(OWNER, NAME, number, labels=["aipm"]).parsed_data
        self.assertEqual([label.name for label in labels], ["aipm"])
        call = self.rest.pulls.request_reviewers
        self.assertEqual(call(OWNER, NAME, number, reviewers=["bob"]).status_code, 201)

    def test_a_question_whose_answer_is_known_costs_nothing(self):
        # Without the client, which keeps answers of its own.
        def ask(known=None):
            request = urllib.request.Request(
                f"{self.forge.url}/repos/{OWNER}/{NAME}",
                headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": "a test"}
                | ({"If-None-Match": known} if known else {}))
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.headers["ETag"]
            except urllib.error.HTTPError as refusal:
                return refusal.code, refusal.headers["ETag"]

        def left():
            return self.rest.rate_limit.get().parsed_data.resources.core.remaining

        status, tag = ask()
        self.assertEqual(status, 200)
        before = left()
        self.assertEqual(ask(tag)[0], 304)
        after_one = left()
        ask(tag), ask(tag), ask(tag)
        # However much the question for the limit itself costs, the known answer adds nothing.
        self.assertEqual(after_one - left(), before - after_one)

    def test_versions_and_credentials(self):
        with self.assertRaises(RequestFailed) as caught:
            self.github.request("GET", "/user", headers={"X-GitHub-Api-Version": "1999-01-01"})
        self.assertEqual(caught.exception.response.status_code, 400)
        stranger = GitHub("another-token", base_url=self.forge.url, auto_retry=False)
        with self.assertRaises(RequestFailed) as caught:
            stranger.rest(VERSION).repos.get(OWNER, NAME)
        self.assertEqual(caught.exception.response.status_code, 401)


if __name__ == "__main__":
    unittest.main()
