"""PyGithub, the client that most Python scripts use: what such a script does with a repository."""

import unittest

from github import Auth, Github, GithubException, InputGitAuthor, InputGitTreeElement

from support import NAME, OWNER, TOKEN, ForgeCase

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

    def test_merging(self):
        self.branch("py/merge")
        made = self.repository.create_pull(title="t", body="", head="py/merge", base="main")
        self.assertTrue(made.merge().merged)
        self.assertTrue(self.repository.get_pull(made.number).merged)


if __name__ == "__main__":
    unittest.main()
