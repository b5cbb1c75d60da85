"""An agent that does what its prompt says, one line after the other, so that a test can have any
output, any pace and any end. Lines that are none of these are passed over:

    do: say TEXT          prints TEXT, in which \\x1b and the like are read as in Python
    do: fill N TEXT       prints TEXT N times without a line's end
    do: count N TEXT      prints TEXT with the numbers from 1 to N, a line each
    do: print BASE64      prints any bytes
    do: pace N SECONDS    prints `step 1` to `step N`, so many seconds apart
    do: write PATH TEXT   writes a file, and the folders that it needs
    do: bytes PATH BASE64 writes a file of any bytes
    do: swap PATH OLD NEW puts NEW in the place of OLD, which are one word each
    do: move PATH PATH    renames a file
    do: remove PATH       removes a file
    do: many N LINES      writes N files in folders of 50, each with so many lines
    do: exit N            ends with that code
"""

import base64
import codecs
import os
import sys
import time


def text_of(words):
    return codecs.decode(words.encode("latin-1", "backslashreplace"), "unicode_escape")


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def main(prompt):
    for line in prompt.splitlines():
        if "do: " not in line:
            continue
        verb, _, rest = line.split("do: ", 1)[1].partition(" ")
        if verb == "say":
            print(text_of(rest), flush=True)
        elif verb == "fill":
            count, _, words = rest.partition(" ")
            sys.stdout.write(text_of(words) * int(count))
            sys.stdout.flush()
        elif verb == "count":
            count, _, words = rest.partition(" ")
            sys.stdout.write("".join(f"{text_of(words)} {number}\n" for number in range(1, int(count) + 1)))
            sys.stdout.flush()
        elif verb == "print":
            sys.stdout.buffer.write(base64.b64decode(rest))
            sys.stdout.flush()
        elif verb == "pace":
            count, seconds = rest.split()
            for step in range(1, int(count) + 1):
                print(f"step {step}", flush=True)
                time.sleep(float(seconds))
        elif verb == "write":
            path, _, words = rest.partition(" ")
            write(path, (text_of(words) + "\n").encode())
        elif verb == "bytes":
            path, _, words = rest.partition(" ")
            write(path, base64.b64decode(words))
        elif verb == "swap":
            path, old, new = rest.split(" ")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            write(path, text.replace(text_of(old), text_of(new)).encode())
        elif verb == "move":
            os.renames(*rest.split(" "))
        elif verb == "remove":
            os.remove(rest)
        elif verb == "many":
            count, lines = map(int, rest.split())
            for number in range(count):
                write(f"many/part-{number // 50:03}/file-{number:04}.js", "".join(
                    f"const value{line} = compute({line}, 'file {number}'); // line {line}\n"
                    for line in range(lines)).encode())
        elif verb == "exit":
            sys.exit(int(rest))


main(sys.argv[-1])
