"""PyGithub, the client that most Python scripts use: what such a script does with a repository."""

import unittest

from github import Auth, Github, GithubException, InputGitAuthor, InputGitTreeElement

from support import ACCOUNTS, NAME, OWNER, TOKEN, ForgeCase

PERSON = InputGitAuthor("Ann", "ann@example.com", "2026-11-23T12:00:00Z")


class PyGithub(ForgeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.github = Github(base_url=cls.forge.url, auth=Auth.Token(TOKEN), retry=None)
        cls.repository = cls.github.get_repo(f"{OWNER}/{NAME}")

    @classmethod
    def tearDownClass(cls):
        cls.github.close()
        super().tearDownClass()

    def branch(self, name):
        base = self.repository.get_branch("main").commit.sha
        self.repository.create_git_ref(f"refs/heads/{name}", base)
        self.repository.create_file(
            f"{name}.md", f"feat: {name}", "# Task\n", branch=name, author=PERSON, committer=PERSON)
        return base

    def test_repository_and_user(self):
        self.assertEqual(self.repository.default_branch, "main")
        self.assertTrue(self.repository.permissions.push)
        self.assertTrue(self.github.get_user().login)
        self.assertGreater(self.github.get_rate_limit().resources.core.remaining, 0)
        with self.assertRaises(GithubException) as caught:
            self.github.get_repo(f"{OWNER}/missing")
        self.assertEqual(caught.exception.status, 404)

    def test_a_branch_a_file_and_a_pull_request(self):
        base = self.branch("py/pull")
        file = self.repository.get_contents("py/pull.md", ref="py/pull")
        self.assertEqual(file.decoded_content, b"# Task\n")
        self.repository.update_file("py/pull.md", "again", "# More\n", file.sha, branch="py/pull")
        compared = self.repository.compare(base, "py/pull")
        self.assertEqual([one.commit.message for one in compared.commits], ["feat: py/pull", "again"])
        made = self.repository.create_pull(title="t", body="b", head="py/pull", base="main", draft=False)
        listed = list(self.repository.get_pulls(state="all", head=f"{OWNER}:py/pull"))
        self.assertEqual([pull.number for pull in listed], [made.number])
        made.create_issue_comment("a word")
        self.assertEqual([one.body for one in made.get_issue_comments()], ["a word"])
        made.add_to_labels("aipm")
        self.assertEqual([label.name for label in made.get_labels()], ["aipm"])
        made.create_review_request(reviewers=["bob"])
        made.edit(title="another", state="closed")
        self.assertEqual(self.repository.get_pull(made.number).state, "closed")

    def test_objects_of_git(self):
        head = self.repository.get_branch("main").commit
        blob = self.repository.create_git_blob("x\n", "utf-8")
        tree = self.repository.create_git_tree(
            [InputGitTreeElement("x.txt", "100644", "blob", sha=blob.sha)],
            self.repository.get_git_tree(head.sha))
        commit = self.repository.create_git_commit(
            "m", tree, [self.repository.get_git_commit(head.sha)], PERSON, PERSON)
        ref = self.repository.create_git_ref("refs/heads/py/objects", head.sha)
        ref.edit(commit.sha)
        self.assertEqual(self.repository.get_git_ref("heads/py/objects").object.sha, commit.sha)
        self.assertEqual(self.repository.get_commit("py/objects").sha, commit.sha)

    def test_refusals(self):
        base = self.branch("py/refused")
        with self.assertRaises(GithubException) as caught:
            self.repository.create_git_ref("refs/heads/py/refused", base)
        self.assertEqual(caught.exception.status, 422)
        self.assertEqual(caught.exception.data["message"], "Reference already exists")
        with self.assertRaises(GithubException) as caught:
            self.repository.create_pull(title="t", body="", head="py/none", base="main")
        self.assertEqual(caught.exception.status, 422)

    def test_a_review_and_its_thread(self):
        self.branch("py/review")
        made = self.repository.create_pull(title="t", body="", head="py/review", base="main")
        with Github(base_url=self.forge.url, auth=Auth.Token(ACCOUNTS["ann"]), retry=None) as other:
            seen = other.get_repo(f"{OWNER}/{NAME}").get_pull(made.number)
            head = seen.get_commits()[0]
            review = seen.create_review(
                head, "Please change it.", "REQUEST_CHANGES",
                [{"path": "py/review.md", "line": 1, "side": "RIGHT", "body": "this"}])
            seen.create_review_comment("that", head, "py/review.md", line=1, side="RIGHT")
            seen.create_issue_comment("in general")
        self.assertEqual([(one.state, one.user.login) for one in made.get_reviews()][0], ("CHANGES_REQUESTED", "ann"))
        comments = list(made.get_review_comments())
        self.assertEqual([one.body for one in comments], ["this", "that"])
        self.assertEqual(comments[0].pull_request_review_id, review.id)
        self.assertEqual((comments[0].path, comments[0].position), ("py/review.md", 1))
        reply = made.create_review_comment_reply(comments[0].id, "done")
        self.assertEqual(reply.in_reply_to_id, comments[0].id)
        self.assertEqual(made.get_review(review.id).body, "Please change it.")
        self.assertEqual([one.body for one in made.get_issue_comments()], ["in general"])
        made.update()
        self.assertEqual((made.review_comments, made.comments), (3, 1))

    def test_checks_and_statuses(self):
        self.branch("py/checks")
        made = self.repository.create_pull(title="t", body="", head="py/checks", base="main")
        run = self.repository.create_check_run("tests", made.head.sha, status="in_progress")
        run.edit(
            status="completed", conclusion="failure",
            output={"title": "t", "summary": "s", "annotations": [
                {"path": "py/checks.md", "start_line": 1, "end_line": 1,
                 "annotation_level": "failure", "message": "wrong"}]})
        commit = self.repository.get_commit(made.head.sha)
        found, = commit.get_check_runs()
        self.assertEqual((found.name, found.conclusion), ("tests", "failure"))
        self.assertEqual([one.message for one in found.get_annotations()], ["wrong"])
        commit.create_status("success", "https://ci.example.com", "fine", "ci")
        self.assertEqual(commit.get_combined_status().state, "success")
        self.assertEqual([one.context for one in commit.get_statuses()], ["ci"])
        self.assertEqual(self.repository.get_pull(made.number).mergeable_state, "unstable")

    def test_collaborators_and_hooks(self):
        self.repository.add_to_collaborators("bob", "push")
        self.assertEqual(self.repository.get_collaborator_permission("bob"), "write")
        self.assertTrue(self.repository.has_in_collaborators("bob"))
        self.assertIn("bob", [one.login for one in self.repository.get_collaborators()])
        self.repository.remove_from_collaborators("bob")
        self.assertFalse(self.repository.has_in_collaborators("bob"))
        hook = self.repository.create_hook(
            "web", {"url": "http://127.0.0.1:9/x", "content_type": "json"}, ["push"], active=False)
        hook.edit("web", hook.config, add_events=["status"])
        self.assertEqual(self.repository.get_hook(hook.id).events, ["push", "status"])
        hook.delete()
        self.assertEqual(list(self.repository.get_hooks()), [])

    def test_merging(self):
        self.branch("py/merge")
        made = self.repository.create_pull(title="t", body="", head="py/merge", base="main")
        self.assertTrue(made.merge().merged)
        self.assertTrue(self.repository.get_pull(made.number).merged)


if __name__ == "__main__":
    unittest.main()
