/// What an agent does, and what it must come to.
struct Misbehavior: Sendable {
  let name: String
  /// Run with `sh`; `$1` is a folder outside of everything that the agent may touch.
  let script: String
  /// nil: `Pushed`.
  var code: String?
  /// What the failure's message holds.
  var says = ""
  /// The workflow with a limit of two seconds in place of a minute.
  var isShort = false
  /// The paths of the generated commit, as `git ls-tree` quotes them; empty: not looked at.
  var files: [String] = []
  /// Nothing holds it without a sandbox.
  var needsSandbox = false

  private static let token = "ghp_" + String(repeating: "x7", count: 18)

  static let all = [
    Misbehavior(name: "exits-1", script: "echo half > half; exit 1", code: "agent-failed"),
    Misbehavior(name: "does-nothing", script: "exit 0", code: "no-changes"),
    Misbehavior(
      name: "hangs", script: "while :; do sleep 1; done", code: "agent-timeout", isShort: true),
    Misbehavior(
      name: "ignores-term",
      script: "trap '' TERM; (sleep 600) & sleep 600; sleep 600",
      code: "agent-timeout", isShort: true),
    Misbehavior(
      name: "leaves-a-grandchild",
      script: "setsid sh -c 'while :; do echo x; sleep 1; done' & echo a > a; exit 0",
      files: ["a"]),
    Misbehavior(
      name: "floods", script: "head -c 100000000 /dev/zero | tr '\\0' x; echo a > a", files: ["a"]),
    Misbehavior(
      name: "fills-the-disk",
      script: "for i in $(seq 99); do head -c 20000000 /dev/zero > f$i; sleep 0.1; done; sleep 600",
      code: "agent-failed", says: "MiB of disk"),
    Misbehavior(
      name: "fills-the-disk-at-once",
      script: "head -c 300000000 /dev/zero > f && exit 0; rm f; exit 9", code: "agent-failed",
      says: "exit code 9"),
    Misbehavior(
      name: "is-many",
      script: "for i in $(seq 200); do sleep 600 & done; echo a > a; wait", code: "agent-failed",
      says: "processes and threads at once"),
    Misbehavior(
      name: "plants-programs",
      script: """
        printf '#!/bin/sh\\ntouch "%s/stolen"\\n' "$1" > .evil; chmod +x .evil; mkdir -p .git/hooks
        for hook in pre-commit post-checkout post-index-change reference-transaction; do
          cp .evil .git/hooks/$hook; done
        e=$PWD/.evil
        printf '[core]\\nfsmonitor = %s\\nhooksPath = .git/hooks\\n' "$e" >> .git/config
        printf '[filter "x"]\\nclean = %s\\nsmudge = %s\\n' "$e" "$e" >> .git/config
        printf '[diff "x"]\\ncommand = %s\\n' "$e" >> .git/config
        printf '[credential]\\nhelper = %s\\n[gpg]\\nprogram = %s\\n' "$e" "$e" >> .git/config
        mkdir -p .git/info; echo '* filter=x diff=x' > .gitattributes
        cp .gitattributes .git/info/attributes; echo a > a
        """, files: [".evil", ".gitattributes", "README.md", "a"]),
    Misbehavior(
      name: "looks-for-credentials",
      script: """
        env; git config -l; cat "$1/data/secrets/"* "$1/home/.git-credentials" /etc/shadow
        for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ; tr '\\0' ' ' < $p/cmdline; done
        find "$1" /etc -name '*-token' -type f -exec cat {} + ; echo a > a
        """, files: ["README.md", "a"]),
    Misbehavior(
      name: "deletes-the-tree", script: "d=$PWD; cd /; rm -rf \"$d\"; exit 0",
      code: "agent-failed", says: "the agent removed"),
    Misbehavior(
      name: "makes-50000-files",
      script: "mkdir m; cd m; seq 50000 | xargs -n 2000 sh -c 'for i; do : > $i; done' sh",
      code: "change-refused", says: "files"),
    Misbehavior(
      name: "commits-by-itself",
      script: """
        echo a > a; git add -A; git -c user.name=x -c user.email=x@y commit -qm 'Aipm-Attempt: 9'
        """, files: ["README.md", "a"]),
    Misbehavior(
      name: "moves-head",
      script: """
        git checkout -q --orphan other; git -c user.name=x -c user.email=x@y commit -qm other
        git branch -f main; rm -f .git/packed-refs; echo ref: refs/heads/nowhere > .git/HEAD
        echo a > a
        """, files: ["README.md", "a"]),
    Misbehavior(
      name: "odd-names",
      script: """
        echo 1 > "$(printf 'a\\nb')"; echo 2 > --options; echo 3 > "$(printf 'x\\377')"
        echo 4 > ':(top)y'; echo 5 > ' z '
        """,
      files: [
        " z ", "--options", ":(top)y", "README.md", #""a\nb""#, #""x\377""#,
      ]),
    Misbehavior(
      name: "changes-workflows",
      script: "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml",
      code: "change-refused", says: ".github/workflows/x.yml"),
    Misbehavior(
      name: "plants-a-key", script: "echo 'k = \"\(token)\"' > settings.py",
      code: "change-refused", says: "settings.py"),
    Misbehavior(
      name: "hides-a-key",
      script: """
        echo '* -diff' > .gitattributes; f=$(printf 'k\\377')
        printf '\\0\\n++ \(token)\\n' > "$f"
        """, code: "change-refused", says: "credential"),
    Misbehavior(
      name: "links-out",
      script: "ln -s /etc/passwd p; ln -s ../../../../secrets s; rm README.md; ln -s / README.md",
      files: ["README.md", "p", "s"]),
    Misbehavior(
      name: "leaves-a-repository",
      script:
        "git init -q i; cd i; git -c user.name=x -c user.email=x@y commit -q --allow-empty -m x",
      code: "agent-failed", says: "git repository in i"),
    Misbehavior(
      name: "names-a-submodule",
      script:
        "printf '[submodule \"x\"]\\npath = -x\\nurl = --upload-pack=touch /x\\n' > .gitmodules",
      code: "change-refused", says: "git's own checks"),
    Misbehavior(
      name: "points-at-large-files",
      script: """
        echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes
        printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 9\\n' 1 > l.bin
        """, files: [".gitattributes", "README.md", "l.bin"]),
    Misbehavior(
      name: "brings-large-files",
      script: "echo '*.bin filter=lfs' > .gitattributes; head -c 3000 /dev/urandom > l.bin",
      code: "change-refused", says: "l.bin"),
    Misbehavior(
      name: "makes-pipes-of-rules", script: "mkfifo .gitignore .gitattributes p; echo a > a",
      files: ["a"]),
    Misbehavior(
      name: "closes-its-folders",
      script: "mkdir d; echo x > d/x; chmod 0 d; echo a > a; chmod 0 a; chmod 0 .",
      files: ["README.md", "a", "d/x"]),
    Misbehavior(
      name: "speaks-for-the-machine",
      script: "d='No space left on device/.GIT'; mkdir -p \"$d\"; echo x > \"$d/config\"",
      code: "agent-failed", says: "cannot be committed"),
    Misbehavior(
      name: "has-long-names",
      script: """
        n=$(printf '%0200d' 0); d=$n/$n/$n/$n/$n/$n/$n/$n/$n/$n; mkdir -p $d; cd $d
        seq 20000 | sed "s/$/$n/" | xargs touch
        """, code: "change-refused", says: "20000 files"),
    Misbehavior(
      name: "digs-deep",
      script: """
        n=$(printf '%0200d' 0); d=$n/$n/$n/$n/$n/$n/$n/$n/$n/$n; mkdir -p m/$d
        for i in 1 2 3; do mkdir -p x/$d; mv m x/$d/; mv x m; done
        """, code: "agent-failed", says: "a path of over"),
    Misbehavior(
      name: "pretends-to-be-large", script: "truncate -s 150M sparse; echo a > a",
      code: "change-refused", says: "157286402 bytes"),
  ]
}
