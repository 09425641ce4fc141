"""Paths in the place of names, at every route that takes one: `python benchmarks/path_payloads.py`.

Each of some hundred spellings of files outside of what is served goes to each route, as an
attacker writes it: no client tidies the address. The files hold a word that nobody can guess, and
links with names as clips have them lead to them. Target: that word in no answer, no answer of 5xx,
no file of them gone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path
from urllib.parse import quote, urlsplit

from started_service import started, workspace

UPWARDS = (
    "../",
    "..\\",
    "....//",
    "..;/",
    ".%2e/",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%c0%af",
    "..%ef%bc%8f",
    "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}",
    "\N{TWO DOT LEADER}/",
    "..\N{DIVISION SLASH}",
    "..\N{FRACTION SLASH}",
    "./../",
    "x/../../",
)
ENDS = ("", "\0.mp4", "%00.mp4", "/", ".mp4", "?.mp4", "#.mp4", "/.")
ROUTES = (
    ("GET", "/artifacts/{}"),
    ("HEAD", "/artifacts/{}"),
    ("DELETE", "/artifacts/{}"),
    ("GET", "/artifacts/{}/metadata"),
    ("GET", "/artifacts/{}/picture"),
    ("GET", "/artifacts/{}/lineage"),
    ("GET", "/v1/videos/{}"),
    ("DELETE", "/v1/videos/{}"),
    ("GET", "/v1/videos/{}/content"),
    ("GET", "/v1/videos/{}/events"),
    ("GET", "/v1/videos?after={}"),
    ("GET", "/artifacts?after={}"),
    ("GET", "/scenarios/{}/picture"),
    ("GET", "/scenarios/{}/lineage.svg"),
    ("GET", "/reports/{}"),
    ("GET", "/web/{}"),
)
LORA_PATH = "lora_path of POST /v1/videos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    parser.add_argument("--only", default="", help="routes with this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        outside, root = Path(temporary), workspace(Path(temporary) / "served", options.workspace)
        word = secrets.token_hex(16)
        planted = plant(outside, root, word)
        with started(root) as service:
            asked = payloads(planted)
            print(
                "| route | payloads | with the word | 5xx | answers |", "|---" * 5 + "|", sep="\n"
            )
            total = Counter[str]()
            for route in (one for one in (*ROUTES, LORA_PATH) if options.only in str(one)):
                found = attacked(service.url, route, asked, word)
                total += found
                said = ", ".join(f"{n} {s}" for s, n in sorted(found.items()) if s.isdigit())
                name = route if isinstance(route, str) else " ".join(route)
                row = f"{len(asked)} | {found['word']} | {found['5xx']}"
                print(f"| {name} | {row} | {said} |", flush=True)
        left = sum(file.read_text().startswith(word) for file in planted)
    print(f"| all | {total['asked']} | {total['word']} | {total['5xx']} | |")
    print(f"\n{left} of {len(planted)} files are as they were.")


def plant(outside: Path, root: Path, word: str) -> list[Path]:
    """Files with the word, and links to them where clips and reports lie."""
    files = [outside / "secret.mp4", root / "secret.mp4", root / "outputs" / "secret.mp4"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(word * 8)
    for folder, name in (
        ("artifacts", f"{'a' * 32}.mp4"),
        ("artifacts", f"{'a' * 32}.json"),
        ("reports", "linked.html"),
    ):
        (root / "outputs" / folder).mkdir(exist_ok=True)
        (root / "outputs" / folder / name).symlink_to(files[0])
    return files


def payloads(planted: list[Path]) -> list[str]:
    """What takes the place of a name, each already as it stands in the address."""
    names = ["secret.mp4", "etc/passwd", "proc/self/environ"]
    written = [up * times + name for up, times, name in product(UPWARDS, (1, 3, 8), names)]
    absolute = [str(file) for file in planted] + ["/etc/passwd", "/proc/self/environ", "/dev/zero"]
    written += [file + end for file in absolute for end in ENDS]
    written += [f"file://{file}" for file in absolute] + [f"//{file}" for file in absolute]
    written += [f"{'a' * 32}.mp4", f"{'a' * 32}", "linked.html", "linked", "~root/.ssh/id_rsa"]
    written += ["a" * 5000, "../" * 3000, "\0", "%00", "\ud7ff", "\U0010ffff", ".", "..", "...", ""]
    written += [
        "C:\\windows\\win.ini",
        "\\\\host\\share",
        "CON",
        "nul.mp4",
        "$HOME",
        "`id`",
        "*",
        "%",
    ]
    as_sent = [quote(one, safe="/%;\\", errors="surrogatepass") for one in written]
    return list(dict.fromkeys([*as_sent, *(quote(one, safe="%") for one in as_sent)]))


def attacked(url: str, route: tuple[str, str] | str, asked: list[str], word: str) -> Counter[str]:
    """How a route answers all of them."""
    found = Counter[str]()
    for payload in asked:
        body, headers = None, {}
        if isinstance(route, str):
            method, target, headers = "POST", "/v1/videos", {"Content-Type": "application/json"}
            fields = {"prompt": "a stall", "scenario": "market_floor", "lora_path": payload}
            body = json.dumps(fields)
        else:
            method, target = route[0], route[1].format(payload)
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        leaked = word.encode() in content or b"root:x:0" in content or b"PATH=" in content
        found.update({"asked": 1, str(answer.status): 1, "word": leaked})
        found["5xx"] += answer.status >= 500
        if leaked or answer.status >= 500:
            print(f"{method} {target[:200]}: {answer.status}", flush=True)
    return found


if __name__ == "__main__":
    main()
