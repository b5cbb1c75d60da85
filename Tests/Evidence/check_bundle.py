"""Checks a bundle from HashFormat.md of the guide alone; shares nothing with AIPM.

Exit 0 and a line of what it holds, or 1 and the first thing that is wrong.
"""

import hashlib
import json
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    """JSON without white space, keys by UTF-16 code units, only what must be escaped is."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(escaped(c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in keys) + "}"
    raise SystemExit(f"a value that is not written so: {value!r}")


def escaped(c):
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n",
             "\f": "\\f", "\r": "\\r"}
    if c in short:
        return short[c]
    return f"\\u{ord(c):04x}" if ord(c) < 0x20 else c


def leaf_of(envelope):
    facts = {k: v for k, v in envelope["data"].items() if k != "text"}
    fields = [
        "aipm-event-1", str(envelope["position"]), envelope["id"], envelope["stream"],
        str(envelope["version"]), envelope["type"], str(envelope["schema"]), envelope["time"],
        envelope["actor"]["kind"], envelope["actor"]["name"], envelope["correlation"] or "",
        envelope["causation"] or "", canonical(facts), envelope["payloadHash"],
    ]
    data = b""
    for field in fields:
        text = field.encode("utf-8")
        data += len(text).to_bytes(4, "big") + text
    return sha256(data)


def is_redacted(envelope):
    salt = bytes.fromhex(envelope["salt"])
    text = envelope["data"].get("text", {})
    if not salt and envelope["payloadHash"] != sha256(b"{}").hex():
        return True
    found = sha256(salt + canonical(text).encode("utf-8")).hex()
    need(found == envelope["payloadHash"], f"event {envelope['position']}: its text was changed")
    return False


def need(holds, what):
    if not holds:
        print(what)
        raise SystemExit(1)


def check(lines):
    first = json.loads(next(lines))
    need(first["format"] == "aipm-bundle-1", "not a bundle")
    stream = "delegation-" + first["delegation"]
    position, chain = first["before"]["position"], bytes.fromhex(first["before"]["hash"])
    events, redacted, textless, explained = 0, [], set(), set()
    for line in lines:
        entry = json.loads(line)
        need(entry["position"] == position + 1, f"after {position} comes {entry['position']}")
        if "leaves" in entry:
            for leaf in entry["leaves"]:
                position, chain = position + 1, sha256(chain + bytes.fromhex(leaf))
            continue
        position, chain = position + 1, sha256(chain + leaf_of(entry))
        need(entry["hash"] == chain.hex(), f"event {position} was changed")
        gone = is_redacted(entry)
        if gone:
            textless.add(position)
        if entry["type"] == "system.redacted":
            explained.add(entry["data"]["redacted"])
        if entry["stream"] == stream:
            events += 1
            need(entry["version"] == events, f"event {position} is not the delegation's next")
            if gone:
                redacted.append(position)
    head = first["head"]
    need((position, chain.hex()) == (head["position"], head["hash"]), "it leads to another head")
    need(events > 0, "it holds no event of the delegation")
    need(redacted == first["redacted"], "what was redacted is not what the first line says")
    need(textless <= explained, "a text is gone, and no event says why")
    workflow = first["workflow"]
    if workflow and workflow["source"] is not None:
        found = sha256(workflow["source"].encode("utf-8")).hex()
        need(found == workflow["digest"], "the workflow is another one")
    print(f"{events} events, head {position} {chain.hex()}")


with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    check(iter(file))
