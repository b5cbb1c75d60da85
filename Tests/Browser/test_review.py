"""A change to review: the tree of its files, both layouts, addresses of lines, the lines around a
change, pictures, and what was viewed."""

import base64
import os
import re
import struct
import subprocess
import unittest
import zlib

from playwright.sync_api import expect

from support import BrowserTest

APP = "".join(f"export function step{n}(value) {{\n  // step {n}\n  return value + {n};\n}}\n" for n in range(1, 61))


def png(width, height, colour, claimed=None):
    """A picture of one colour; @param claimed: the size that its header says."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def encoded(content):
    return base64.b64encode(content).decode()


class ReviewTests(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        seed = cls.server.folder / "seed"
        files = {
            "src/app.js": APP.encode(), "src/old.py": b"def main():\n    print('hello')\n    return 1\n" * 3,
            "src/gone.css": b".gone {\n  color: red;\n}\n", "src/spaces.js": b"if (a) {\nrun();\n}\n",
            "logo.png": png(120, 80, (200, 40, 40)), "left.js": b"left();\n",
        }
        for name, content in files.items():
            path = seed / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
            subprocess.run(["git", "-C", seed, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                           check=True, capture_output=True)
        cls.server.run("forge", "create", "acme/review", "--from", str(seed))
        cls.change = cls.server.submit("Review me", "\n".join([
            "Review it", "do: swap src/app.js step30(value) step30(amount)",
            "do: swap src/app.js \\x20\\x20//\\x20step\\x2050 \\x20\\x20//\\x20fifty",
            "do: move src/old.py src/new.py", "do: swap src/new.py hello goodbye", "do: remove src/gone.css",
            "do: swap src/spaces.js run(); \\x20\\x20run();",
            f"do: bytes logo.png {encoded(png(160, 90, (40, 120, 200)))}",
            f"do: bytes bomb.png {encoded(png(1, 1, (0, 0, 0), claimed=(60_000, 60_000)))}",
            f"do: bytes false.png {encoded(bytes(range(256)))}",
            "do: write picture.svg <svg xmlns=\"http://www.w3.org/2000/svg\"><script>window.owned=1</script></svg>",
            "do: write a/b/c/<b>deep.txt deep",
        ]), repo="review")
        cls.finished(cls.change)

    @classmethod
    def finished(cls, answer):
        for _ in range(3000):
            state = cls.server.delegation(answer["id"])["state"]
            if state in ("Pushed", "Failed"):
                return state
            cls.server.api(f"api/events?after={10**9}")
        raise AssertionError("it does not end")

    def review(self, place="", page=None):
        page = self.open(f"#/delegations/{self.change['id']}{place}", page)
        expect(page.locator(".diff-line").first).to_be_attached()
        return page

    def file(self, name, page=None):
        return (page or self.page).locator(f".diff-file[aria-label='{name}']")

    def tree(self):
        return self.page.get_by_role("tree", name="Files of the change")

    def test_the_tree_leads_to_files_and_folds_folders(self):
        page = self.review()
        tree = self.tree()
        expect(page.locator(".diff-view .view-bar [role=status]")).to_contain_text("10 files, ")
        rows = tree.get_by_role("treeitem")
        expect(rows.filter(has_text="app.js")).to_contain_text("+2 −2")
        # A folder with one folder in it stands with it, and a name is text.
        expect(rows.filter(has_text="a/b/c/")).to_have_attribute("aria-level", "1")
        expect(rows.filter(has_text="<b>deep.txt")).to_have_attribute("aria-level", "2")
        expect(rows.filter(has_text="gone.css").get_by_role("img", name="deleted")).to_be_visible()
        rows.filter(has_text="new.py").click()
        expect(page).to_have_url(re.compile(r"\?file=src%2Fnew\.py$"))
        expect(self.file("src/new.py").get_by_role("link", name="src/new.py")).to_be_focused()
        expect(self.file("src/new.py")).to_be_in_viewport()
        # By keys: the row above is a file of the same folder, and left of it is the folder.
        rows.filter(has_text="new.py").focus()
        page.keyboard.press("ArrowLeft")
        folder = rows.filter(has_text="src/")
        expect(folder).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(folder).to_have_attribute("aria-expanded", "false")
        expect(rows.filter(has_text="new.py")).to_be_hidden()
        page.get_by_label("Filter files").fill("NEW")
        expect(rows.filter(visible=True)).to_have_text([re.compile("src/"), re.compile("new.py")])
        page.get_by_label("Filter files").fill("nothing")
        expect(page.get_by_text("No file has this in its path.")).to_be_visible()

    def test_files_are_folded_and_viewed_ones_are_known_again(self):
        page = self.review()
        app = self.file("src/app.js")
        lines = app.get_by_role("table")
        expect(lines).to_be_visible()
        # TASK.md is AIPM's own.
        expect(self.file("TASK.md").get_by_role("table")).to_have_count(0)
        app.get_by_role("button", name="Lines of src/app.js").click()
        expect(lines).to_be_hidden()
        app.get_by_role("button", name="Lines of src/app.js").click()
        app.get_by_label("Viewed").check()
        expect(lines).to_be_hidden()
        status = page.locator(".diff-view .view-bar [role=status]")
        expect(status).to_contain_text("1 of 10 viewed")
        self.review()
        expect(app.get_by_label("Viewed")).to_be_checked()
        expect(lines).to_have_count(0)
        row = self.tree().get_by_role("treeitem").filter(has_text="app.js")
        expect(row.get_by_role("img", name="viewed")).to_be_visible()
        app.get_by_label("Viewed").uncheck()
        expect(lines).to_be_visible()
        expect(status).not_to_contain_text("viewed")
        page.get_by_role("button", name="Collapse all").click()
        expect(page.get_by_role("table", name="Change of")).to_have_count(0)
        page.get_by_role("button", name="Expand all").click()
        expect(lines).to_be_visible()

    def test_lines_have_addresses(self):
        page = self.review()
        app = self.file("src/app.js")
        app.locator("a[data-now='117']").click()
        expect(page).to_have_url(re.compile(r"\?file=src%2Fapp\.js&line=117$"))
        target = page.locator(".diff-line[data-target]")
        expect(target).to_contain_text("step30(amount)")
        # The address alone leads there, also in the other version, and to a line that is not shown.
        self.review("?file=src/app.js&old=117")
        expect(target).to_contain_text("step30(value)")
        expect(target).to_be_in_viewport()
        expect(app.locator("a[data-old='117']")).to_be_focused()
        self.review("?file=src/app.js&line=150")
        expect(target).to_contain_text("// step 38")
        expect(target).to_be_in_viewport()
        # The part of the page has one, too.
        page.get_by_role("tab", name="Task").click()
        expect(page).to_have_url(re.compile(r"\?tab=task$"))
        self.open(f"#/delegations/{self.change['id']}?tab=events")
        expect(page.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")

    def test_lines_around_a_change_are_shown_on_request(self):
        page = self.review()
        app = self.file("src/app.js")
        shown = app.locator("a[data-now]")
        before = shown.count()
        app.get_by_role("button", name="Show 20 lines before line 114").click()
        expect(shown).to_have_count(before + 20)
        expect(app.locator("a[data-now='94']")).to_be_focused()
        app.get_by_role("button", name="Show all 93 lines").click()
        expect(shown).to_have_count(before + 113)
        expect(app.locator(".diff-line").first).to_contain_text("export function step1(value)")
        # Both numbers of every line are right.
        pairs = app.evaluate("""(node) => [...node.querySelectorAll('.diff-line')].map((row) => [
            row.querySelector('[data-now]')?.dataset.now ?? null, row.querySelector('.diff-code').textContent])""")
        lines = APP.replace("step30(value)", "step30(amount)").replace("// step 50", "// fifty").split("\n")
        for number, text in pairs:
            if number:
                self.assertEqual(text, lines[int(number) - 1])
        app.get_by_role("button", name="Show 20 lines after line 201").click()
        app.get_by_role("button", name="Show 20 lines after line 221").click()
        expect(app.locator("a[data-now='240']")).to_be_visible()
        # There the file ends, and so does what can be shown.
        expect(app.get_by_role("button", name=re.compile("Show 20 lines after line 24"))).to_have_count(0)

    def test_two_columns_with_comments_in_both_layouts(self):
        page = self.review()
        app = self.file("src/app.js")
        app.locator(".diff-line", has_text="step30(amount)").hover()
        app.get_by_role("button", name="Comment on line 117").click()
        page.keyboard.type("Why amount?")
        page.get_by_role("button", name="Side by side").click()
        box = app.get_by_label("Comment on src/app.js:117", exact=True)
        expect(box).to_have_value("Why amount?")
        row = app.locator(".diff-line", has_text="step30(amount)")
        halves = row.locator(".diff-half")
        expect(halves.nth(0)).to_contain_text("step30(value)")
        expect(halves.nth(1)).to_contain_text("step30(amount)")
        self.assertEqual(row.locator(".differs").all_text_contents(), ["value", "amount"])
        box.fill("Why not value?")
        app.get_by_role("button", name="Comment on line 198").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("Fifty?")
        # The choice is kept, and so are the words.
        self.review()
        expect(page.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
        expect(app.get_by_label("Comment on src/app.js:198", exact=True)).to_have_value("Fifty?")
        page.get_by_role("button", name="Unified").click()
        expect(app.get_by_label("Comment on src/app.js:117", exact=True)).to_have_value("Why not value?")
        # Two columns need room: a narrow screen has one.
        page.get_by_role("button", name="Side by side").click()
        page.set_viewport_size({"width": 390, "height": 844})
        expect(app.locator(".diff-half")).to_have_count(0)
        expect(app.get_by_label("Comment on src/app.js:117", exact=True)).to_have_value("Why not value?")
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)

    def test_spaces_can_be_left_out(self):
        page = self.review()
        expect(self.file("src/spaces.js")).to_be_visible()
        page.get_by_label("Ignore spaces").check()
        expect(self.file("src/spaces.js")).to_have_count(0)
        expect(self.file("src/app.js")).to_be_visible()

    def test_the_full_width(self):
        page = self.review()
        side = page.locator(".detail-side")
        expect(side).to_be_visible()
        page.get_by_role("button", name="Full width").click()
        expect(side).to_be_hidden()
        page.get_by_role("tab", name="Task").click()
        expect(side).to_be_visible()

    def test_pictures_are_drawn_and_bad_ones_are_not(self):
        page = self.review("?file=logo.png")
        logo = self.file("logo.png")
        expect(logo.get_by_role("img", name="logo.png before the change, 120 by 80 pixels")).to_be_visible()
        drawn = logo.get_by_role("img", name="logo.png after the change, 160 by 90 pixels")
        expect(drawn).to_be_visible()
        pixel = drawn.evaluate("(node) => [...node.getContext('2d').getImageData(80, 45, 1, 1).data]")
        self.assertEqual(pixel, [40, 120, 200, 255])
        bomb = self.file("bomb.png")
        bomb.scroll_into_view_if_needed()
        expect(bomb).to_contain_text("60000 × 60000")
        expect(bomb).to_contain_text("It is too large to be shown.")
        false = self.file("false.png")
        false.scroll_into_view_if_needed()
        expect(false).to_contain_text("This is not a picture that can be shown.")
        # A drawing that is a program is text.
        svg = self.file("picture.svg")
        expect(svg.get_by_role("table")).to_contain_text("<script>window.owned=1</script>")
        self.assertEqual(page.locator("main img, main iframe, main object, .diff svg").count(), 0)
        # Nor is it one at its own address.
        other = self.new_page(self.context)
        route = f"{self.server.url}api/delegations/{self.change['id']}/file?path=picture.svg"
        response = self.context.request.get(route)
        self.assertEqual(response.headers["content-type"], "application/octet-stream")
        self.assertIn("sandbox", response.headers["content-security-policy"])
        with self.assertRaisesRegex(Exception, "Download is starting"):
            other.goto(route)
        self.assertTrue(page.evaluate("window.owned === undefined"))

    def test_sizes_of_pictures_are_read_without_decoding_them(self):
        self.open()
        jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(10) + b"\xff\xc0\0\x11\x08\0\x5a\0\xa0\x03" + bytes(8)
        files = {
            "png": png(3, 2, (0, 0, 0)), "gif": b"GIF89a\xa0\0\x5a\0", "jpeg": jpeg,
            "lossy": b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + b"\xa0\0\x5a\0",
            "lossless": b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 159 | 89 << 14),
            "extended": b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x9f\0\0\x59\0\0", "cut": b"\xff\xd8\xff",
            "other": b"<svg>"}
        found = self.page.evaluate("""async ([url, files]) => {
          const { dimensions } = await import(url);
          return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, dimensions(new Uint8Array(bytes))]));
        }""", [self.server.url + "delegation/pictures.js", {name: list(each) for name, each in files.items()}])
        self.assertEqual(found, {"png": [3, 2], "gif": [160, 90], "jpeg": [160, 90], "lossy": [160, 90],
                                 "lossless": [160, 90], "extended": [160, 90], "cut": None, "other": None})

    def test_colours_of_code(self):
        self.open()
        colours = """async ([url, path, lines]) => {
          const { colour, languageOf } = await import(url);
          const all = lines.map((text) => ({ kind: text[0], text: text.slice(1) }));
          colour(all, languageOf(path));
          return all.map(({ text, parts }) => parts.map(([from, to, kind]) => `${kind} ${text.slice(from, to)}`));
        }"""

        def of(path, *lines):
            return self.page.evaluate(colours, [self.server.url + "delegation/colours.js", path, list(lines)])

        self.assertEqual(of("a.js", " const a = 'it\\'s' + 0x1F; // end"),
                         [["key const", "text 'it\\'s'", "number 0x1F", "comment // end"]])
        # A comment over lines; each version has its own; one that ends in the hunk began before it.
        self.assertEqual(of("a.swift", " /* one", "-two */ let", "+three", " four */ var"),
                         [["comment /* one"], ["comment two */", "key let"], ["comment three"],
                          ["comment four */", "key var"]])
        self.assertEqual(of("a.c", " of a comment */ int x;"), [["comment of a comment */", "key int"]])
        # One mark alone does not say whether it begins or ends a text.
        self.assertEqual(of("a.py", " \"\"\"", " return x"), [["text \"\"", "text \""], ["key return"]])
        self.assertEqual(of("a.sh", " echo $# http://a#b # said"), [["comment # said"]])
        self.assertEqual(of("a.yaml", " - name: 'x' # y"), [["name name", "text 'x'", "comment # y"]])
        self.assertEqual(of("a.html", " <p class='x'>it's</p><!-- no -->"),
                         [["key <p", "key >", "key </p", "key >", "comment <!-- no -->"]])
        self.assertEqual(of("README.md", " # Title", " don't"), [["name # Title"], []])
        self.assertEqual(self.page.evaluate(
            "async (url) => (await import(url)).languageOf('a/b.unknown')", self.server.url + "delegation/colours.js"), None)

    def test_two_thousand_files_are_usable_within_a_second(self):
        many = self.server.submit("Many files", "do: many 1990 12", repo="review")
        self.assertEqual(self.finished(many), "Pushed")
        page = self.open(f"#/delegations/{many['id']}?tab=output")
        spent = []
        while len(spent) < 5 and min(spent, default=1000) >= 1000:
            self.open(f"#/delegations/{many['id']}?tab=output")
            expect(page.get_by_role("tab", name="Changes")).to_be_visible()
            spent.append(round(page.evaluate("""async () => {
              const start = performance.now();
              document.getElementById("tab-changes").click();
              const frame = () => new Promise(requestAnimationFrame);
              while (!document.querySelector(".diff-line") && performance.now() - start < 20_000) await frame();
              await frame();
              return performance.now() - start;
            }""")))
        print(f"1,990 files usable after {spent} ms")
        if min(spent) >= 1000 and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
            self.skipTest("the machine is busy with other programs: that measures them")
        self.assertLess(min(spent), 1000)
        expect(page.locator(".diff-file")).to_have_count(1991)
        self.assertLess(page.locator(".diff-line").count(), 2000)
        page.get_by_role("treeitem").filter(has_text="file-1985.js").click()
        last = self.file("many/part-039/file-1985.js")
        expect(last).to_be_in_viewport()
        expect(last.locator(".diff-line").first).to_be_in_viewport()
        expect(last).to_contain_text("'file 1985'")


if __name__ == "__main__":
    unittest.main()
