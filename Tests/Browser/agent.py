"""An agent that does what its prompt says, one line after the other, so that a test can have any
output, any pace and any end. Lines that are none of these are passed over:

    do: say TEXT          prints TEXT, in which \\x1b and the like are read as in Python
    do: fill N TEXT       prints TEXT N times without a line's end
    do: pace N SECONDS    prints `step 1` to `step N`, so many seconds apart
    do: write PATH TEXT   writes a file
    do: exit N            ends with that code
"""

import codecs
import sys
import time


def text_of(words):
    return codecs.decode(words.encode("latin-1", "backslashreplace"), "unicode_escape")


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
        elif verb == "pace":
            count, seconds = rest.split()
            for step in range(1, int(count) + 1):
                print(f"step {step}", flush=True)
                time.sleep(float(seconds))
        elif verb == "write":
            path, _, words = rest.partition(" ")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text_of(words) + "\n")
        elif verb == "exit":
            sys.exit(int(rest))


main(sys.argv[-1])
