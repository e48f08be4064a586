"""Promises about addresses that anyone may give: where they lead, and what is said when they fail.

`python -m reliability.promises.urls MODE TRIES SEED FOLDER` is the process in which most tries happen: it has the guard of a real
download, name servers that lie, and a witness that notes every connection which the guard let through.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from precompute.downloads import download_process
from precompute.downloads.download import fetch
from precompute.failures import KINDS, SourceError
from precompute.net.addresses import guard_connections
from precompute.net.limits import Limits
from precompute.net.urls import normalise_url
from reliability import Outcome, Promise
from tests.fixtures.web.sites import Site, reply, running

ROOT = Path(__file__).parents[2]
SECRET = b"the secret of a file on this machine"
LIMITS = Limits(max_bytes=4 << 20)
PROCESS_SECONDS = 900
REAL_CHILDREN = 20
"""One try in so many is a whole download with a process of its own."""

PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "10.0.0.7",
    "172.16.4.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.9",
    "0.0.0.0",
]
PRIVATE_6 = ["::1", "::", "fe80::1", "fc00::7", "ff02::1", "2001:db8::1", "2001:0:7f00:1::", "3fff::1"]
NAMES = [
    "localhost",
    "localhost.localdomain",
    "metadata.internal",
    "rebind.example.org",
    "127.0.0.1.example.org",
    "a" * 63,
]


# --- hostile addresses ---


def disguised(address: str, chance: random.Random) -> str:
    """An IPv4 address in one of the spellings that some library takes for it."""
    value = int(ipaddress.IPv4Address(address))
    parts = address.split(".")
    return chance.choice(
        [
            address,
            f"{address}.",
            str(value),
            hex(value),
            f"0{value:o}",
            ".".join(hex(int(part)) for part in parts),
            ".".join(f"0{int(part):o}" for part in parts),
            f"{parts[0]}.{value & 0xFFFFFF}",
            f"{parts[0]}.{parts[1]}.{value & 0xFFFF}",
            address.translate(str.maketrans("0123456789.", "０１２３４５６７８９。")),
            address.translate(str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")),
            "".join(f"%{ord(letter):02x}" for letter in address),
            f"[::ffff:{address}]",
            f"[::ffff:{value >> 16:x}:{value & 0xFFFF:x}]",
            f"[::{address}]",
            f"[::ffff:0:{address}]",
            f"[64:ff9b::{address}]",
            f"[64:ff9b:1::{address}]",
            f"[2002:{value >> 16:x}:{value & 0xFFFF:x}::1]",
            f"[2001:0:{value >> 16:x}:{value & 0xFFFF:x}::1]",
        ]
    )


def hostile_host(chance: random.Random, addresses: list[str]) -> str:
    kind = chance.random()
    if kind < 0.6:
        return disguised(chance.choice(addresses), chance)
    if kind < 0.75:
        address = chance.choice(PRIVATE_6[addresses is not PRIVATE :])  # without ::1 where the loopback is allowed
        return f"[{address}{chance.choice(['', '', '%25lo', '%lo'])}]"
    return chance.choice(NAMES) + chance.choice(["", ".", f".{chance.randrange(10**6)}.test"])


def hostile_url(chance: random.Random, addresses: list[str], port: int, secret: Path) -> str:
    """An address that wants to go where it must not, or at a file of this machine."""
    host = hostile_host(chance, addresses)
    plain = f"http://{host}:{port}/clip.mp4"
    forms = [
        f"https://{host}:{port}/clip.mp4",
        f"HtTp://{host}:{port}/clip.mp4#@example.org/",
        f"http://example.org@{host}:{port}/clip.mp4",
        f"http://{host}:{port}\\@example.org/clip.mp4",
        f"http:///{host}:{port}/clip.mp4",
        f"http://{host}:{port}/clip.mp4?u=\r\nHost:%20{host}",
        f"http://\t{host}:{port}/clip.mp4",
        f"{chance.choice(['ftp', 'gopher', 'rtmp', 'mms', 'rtsp', 'ws', 'ldap', 'dict', 'view-source:http'])}://{host}:{port}/x",
        f"{chance.choice(['file', 'FILE', 'fIle', 'jar:file', 'concat', 'subfile', 'unix', 'http+unix'])}://{secret}",
        f"file://localhost{secret}",
        f"http://{host}:{port}/../../../..{secret}",
        f"data:video/mp4;base64,{chance.randbytes(9).hex()}",
        f"crypto+file://{secret}",
    ]
    url = chance.choice(forms)
    url = url if chance.random() < 0.5 else plain  # spelling alone is refused early: half must meet the guard
    if chance.random() < 0.15:  # and one letter anywhere
        at = chance.randrange(len(url))
        url = url[:at] + chance.choice("\0\n %@#/\\:;[]\u202e\ufeff\ud800é") + url[at + 1 :]
    return url


def hostile_page(chance: random.Random, target: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that leads to `target`: a redirect, a page, a playlist."""
    safe = target.encode(errors="replace").replace(b"\r", b"").replace(b"\n", b"").decode()
    if chance.random() < 0.5:
        headers = {"Location": safe.encode().decode("latin-1"), "Content-Length": "0"}
        return lambda request: reply(request, chance.choice([301, 302, 303, 307, 308]), b"", headers)
    kind, text = chance.choice(
        [
            ("text/html", f"<html><body><video src='{safe}'></video></body></html>"),
            ("text/html", f"<html><head><meta property='og:video' content='{safe}'></head></html>"),
            ("text/html", f"<html><head><meta http-equiv='refresh' content='0;url={safe}'></head></html>"),
            ("text/html", f"<html><body><iframe src='{safe}'></iframe><embed src='{safe}'></body></html>"),
            (
                "text/html",
                '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject", '
                f'"contentUrl": {json.dumps(safe)}}}</script>',
            ),
            ("application/vnd.apple.mpegurl", f"#EXTM3U\n#EXTINF:1,\n{safe}\n#EXT-X-ENDLIST\n"),
            (
                "application/vnd.apple.mpegurl",
                f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{safe}"\n#EXTINF:1,\n{safe}\n#EXT-X-ENDLIST\n',
            ),
            (
                "application/dash+xml",
                "<?xml version='1.0'?><!DOCTYPE MPD [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
                "<MPD xmlns='urn:mpeg:dash:schema:mpd:2011' mediaPresentationDuration='PT5S'><Period><AdaptationSet "
                f"mimeType='video/mp4'><Representation id='v' bandwidth='9' width='64' height='64'><BaseURL>{safe}"
                "</BaseURL></Representation></AdaptationSet></Period></MPD>",
            ),
            (
                "application/xspf+xml",
                f"<playlist><trackList><track><location>{safe}</location></track></trackList></playlist>",
            ),
            (
                "application/rss+xml",
                f"<rss><channel><item><link>{safe}</link><enclosure url='{safe}'/></item></channel></rss>",
            ),
        ]
    )
    content = text.encode(errors="replace")
    return lambda request: reply(request, 200, content, {"Content-Type": kind, "Content-Length": str(len(content))})


def broken_answer(chance: random.Random) -> Callable[[BaseHTTPRequestHandler], None]:
    """What a server says that is broken, busy, or means harm."""
    status = chance.choice([200, 200, 200, chance.randrange(400, 600), chance.randrange(100, 1000)])
    kind = chance.choice(["video/mp4", "text/html", "application/json", "text/xml", "", "\x1b[31m", "multipart/mixed"])
    content = chance.choice(
        [
            b"",
            chance.randbytes(chance.randrange(3000)),
            b"<html>" + chance.randbytes(300) + b"<video src=''></video><title>\x1b]0;x\x07&#27;\xff</title>",
            b"<video src='//'></video>" * 3,
            b'<script type="application/ld+json">{"@type": "VideoObject", "duration": [], "contentUrl": 7}</script>',
            b"#EXTM3U\n" + chance.randbytes(50),
        ]
    )
    headers = {"Content-Type": kind} | chance.choice(
        [
            {"Content-Length": str(len(content))},
            {"Content-Length": str(len(content) + chance.randrange(1, 999))},
            {"Content-Length": "-7"},
            {"Content-Length": "many"},
            {"Content-Encoding": "gzip"},
            {"Transfer-Encoding": "chunked"},
            {"Content-Range": "bytes 7-/x", "ETag": '"' * 3},
            {"Location": "http://[", "Content-Length": "0"},
            {"Retry-After": "tomorrow", "Content-Length": "0"},
            {
                "Content-Disposition": 'attachment; filename="../../../../tmp/x.mp4"',
                "Content-Length": str(len(content)),
            },
        ]
    )

    def answer(request: BaseHTTPRequestHandler) -> None:
        if chance.random() < 0.05:
            request.wfile.write(chance.randbytes(40))  # no HTTP at all
        else:
            reply(request, status, content, headers)

    return answer


# --- the process of the tries ---


class Witness:
    """What the guard let through: connections, files opened, programs started."""

    def __init__(self, secret: Path) -> None:
        self.connections: list[str] = []
        self.reads: list[str] = []
        self.programs: list[str] = []

        def hook(event: str, arguments: tuple) -> None:
            if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
                self.connections.append(repr(arguments[1]))
            elif event == "open" and str(secret) in str(arguments[0]):
                self.reads.append(str(arguments[0]))
            elif event in ("subprocess.Popen", "os.system", "os.posix_spawn"):
                self.programs.append(repr(arguments[0]))

        sys.addaudithook(hook)  # after the guard's: it hears of nothing that the guard refuses


def lying_names(chance: random.Random, addresses: list[str]) -> Callable[..., list]:
    """A name server that answers every name with an address where nobody may go."""
    honest = socket.getaddrinfo

    def resolve(host: str | bytes | None, port: object, *arguments: int, **words: int) -> list:
        with suppress(OSError, ValueError):
            return honest(host, port, *arguments, **words | {"flags": socket.AI_NUMERICHOST})
        number = int(str(port or 80))
        if chance.random() < 0.3:
            address = chance.choice(PRIVATE_6[1:])
            return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, number, 0, 0))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (chance.choice(addresses), number))]

    return resolve


def attempt_in_this_process(mode: str, tries: int, seed: int, folder: Path) -> Iterator[dict]:
    """One row for each try: what was given, what came of it, and what the witness saw."""
    chance = random.Random(seed)
    secret = folder / "secret.mp4"
    secret.write_bytes(SECRET)
    from yt_dlp import YoutubeDL

    download_process.SOCKET_SECONDS = 2.0
    YoutubeDL({"quiet": True}).close()  # imports what it needs, before anything counts
    with running() as site:
        port = urlsplit(site.address).port or 0
        is_direct = mode in ("direct", "unguarded")
        addresses = PRIVATE if is_direct else [address for address in PRIVATE if not address.startswith("127.")]
        addresses = ["127.0.0.1"] if mode == "unguarded" else addresses
        socket.getaddrinfo = lying_names(chance, addresses)
        site.page("/clip.mp4", SECRET, "video/mp4")
        blocked: list[str] = []
        if mode != "unguarded":
            guard_connections(not is_direct, blocked)
        witness = Witness(secret)
        for number in range(tries):
            if is_direct:
                url = hostile_url(chance, addresses, port, secret)
            elif mode == "led":
                target = hostile_url(chance, addresses, port, secret)
                url = f"{site.address}/{number}/start"
                site.pages[f"/{number}/start"] = hostile_page(chance, target)
            else:
                url = f"{site.address}/{number}.mp4"
                site.pages[f"/{number}.mp4"] = broken_answer(chance)
            yield one_try(url, number, folder, site, witness, blocked, is_direct)


def one_try(
    url: str, number: int, folder: Path, site: Site, witness: Witness, blocked: list[str], is_direct: bool
) -> dict:
    part = folder / f"{number}"
    part.mkdir()
    for seen in (site.requests, witness.connections, witness.reads, witness.programs, blocked):
        seen.clear()
    row = {"url": repr(url), "code": "", "wrong": []}
    wrong: list[str] = row["wrong"]
    try:
        with chdir(part):
            answer = download_process.download(normalise_url(url), LIMITS, lambda message: None)
        if SECRET in (part / answer["name"]).read_bytes():
            wrong.append("gave the bytes of a machine that is not public, or of a file of this one")
    except SourceError as error:
        row["code"] = error.code
        wrong += faults(error)
    except Exception as error:
        wrong.append(f"raised {error!r}")
    allowed = "" if is_direct else repr(("127.0.0.1", urlsplit(site.address).port))
    wrong += [f"connected to {address}" for address in witness.connections if address != allowed]
    wrong += [f"read {path}" for path in witness.reads]
    wrong += [f"started {program}" for program in witness.programs]
    if is_direct and site.requests:
        wrong.append("was heard by a server of this machine")
    outside = {path.name for path in folder.iterdir() if path.name != "secret.mp4" and not path.name.isdigit()}
    wrong += [f"wrote {name}" for name in outside]
    return row | {"blocked": len(blocked)}


def faults(error: SourceError) -> list[str]:
    """What a failure lacks: a code, a next step, one harmless line."""
    text = str(error)
    found = [] if error.code in KINDS else [f"code {error.code}"]
    found += [] if error.next_step and error.found else ["has no next step"]
    return found + (
        [] if text.isprintable() or all(c.isprintable() or c in "\u200c\u200d" for c in text) else ["unprintable"]
    )


# --- the promises ---


def run_tries(mode: str, tries: int, seed: int, folder: Path) -> list[dict]:
    """The rows of a process of its own; it leaves no try out."""
    folder.mkdir()
    command = [sys.executable, "-m", "reliability.promises.urls", mode, str(tries), str(seed), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PROCESS_SECONDS)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    missing = {"url": f"{mode} {len(rows)}, seed {seed}", "code": "", "blocked": 0, "wrong": [done.stderr[-300:]]}
    return rows + [missing] * (tries - len(rows))


def outcome(rows: list[dict], what: str) -> Outcome:
    bad = [row for row in rows if row["wrong"]]
    codes = sorted({row["code"] for row in rows if row["code"]})
    return Outcome(
        len(rows),
        len(bad),
        f"{what}; codes: {', '.join(codes)}",
        tuple(f"{row['url']}: {'; '.join(row['wrong'])}" for row in bad[:5]),
    )


def lead_nowhere(tries: int, folder: Path, seed: int) -> Outcome:
    """Half of the addresses lead there directly, half through the answer of a server; a few are complete downloads."""
    n_real = max(1, tries // REAL_CHILDREN)
    n_direct = (tries - n_real) // 2
    rows = run_tries("direct", n_direct, seed, folder / "direct")
    rows += run_tries("led", tries - n_real - n_direct, seed, folder / "led")
    rows += [real_download(random.Random(f"{seed} {number}"), folder / f"real{number}") for number in range(n_real)]
    return outcome(rows, f"{sum(row['blocked'] > 0 for row in rows)} reached the guard at a connection")


def real_download(chance: random.Random, folder: Path) -> dict:
    """With the process that a user's download has."""
    folder.mkdir()
    secret = folder / "secret.mp4"
    secret.write_bytes(SECRET)
    row = {"url": "", "code": "", "blocked": 0, "wrong": []}
    with running() as site:
        site.page("/clip.mp4", SECRET, "video/mp4")
        host = disguised("127.0.0.1", chance)
        row["url"] = url = f"http://{host}:{urlsplit(site.address).port}/clip.mp4"
        try:
            fetch(url, folder / "media", limits=LIMITS)
            row["wrong"].append("gave a file")
        except SourceError as error:
            row["code"], row["blocked"] = error.code, int(error.code == "blocked_address")
            row["wrong"] += faults(error)
        row["wrong"] += [f"asked for {path}" for path in site.requests]
    return row


def fail_by_name(tries: int, folder: Path, seed: int) -> Outcome:
    """Broken servers, broken files, and every other type of error."""
    n_files = max(2, tries // 20)
    n_servers = (tries - n_files) // 2
    rows = run_tries("broken", n_servers, seed, folder / "broken")
    rows += [bad_file(random.Random(f"{seed} {number}"), folder / f"file{number}") for number in range(n_files)]
    rows += [any_error(random.Random(f"{seed} {number}")) for number in range(tries - n_files - n_servers)]
    return outcome(rows, f"{sum(bool(row['code']) for row in rows)} failures, each named")


def bad_file(chance: random.Random, folder: Path) -> dict:
    """A source on this disk that is no whole video."""
    from precompute.media.decoder import probe
    from precompute.media.sources import resolve
    from tests.fixtures.media import write_audio, write_video

    folder.mkdir()
    path = folder / chance.choice(["x.mp4", "x.mkv", "\x1b[31m;; x.mp4", "x;y.mov", "x"])
    kind = chance.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.write_bytes(chance.randbytes(chance.randrange(2000)))
    elif kind == 2:
        write_audio(folder / "x.m4a").replace(path)
    elif kind == 3:
        whole = write_video(folder / "whole.mp4", 5).read_bytes()
        path.write_bytes(whole[: chance.randrange(len(whole) // 2)])
    elif kind == 4:
        write_video(folder / "whole.mp4", 3).replace(path)
        path.with_suffix(".toml").write_bytes(
            chance.choice([b"\xff", b"truth = 7", b"[truth]\nnormal = '../x'", b"[["])
        )
    row = {"url": f"{kind} {path.name!r}", "code": "", "blocked": 0, "wrong": []}
    try:
        probe(resolve(str(path), media_dir=folder / "media"))
        row["wrong"].append("was taken for a video")
    except SourceError as error:
        row["code"] = error.code
        row["wrong"] += faults(error)
    except Exception as error:
        row["wrong"].append(f"raised {error!r}")
    return row


def any_error(chance: random.Random) -> dict:
    """What some part of the job may raise, under a name of the table."""
    from cache.records import StoreError
    from cache.store import CorruptPack
    from consistency.zoo.records import ZooError
    from precompute.jobs.events import name_error

    words = "".join(chance.choice("ab ;:\n\x1b\u202e[]{}\ud800é") for _ in range(chance.randrange(40)))
    number = chance.choice(list(errno.errorcode))
    kinds = [StoreError, CorruptPack, ZooError, ValueError, RuntimeError, KeyError, MemoryError, AssertionError]
    error = chance.choice([*(kind(words) for kind in kinds), OSError(number, os.strerror(number), words)])
    named = name_error(chance.choice(["clip.mp4", words]), error)
    return {"url": repr(error), "code": named.code, "blocked": 0, "wrong": faults(named)}


PROMISES = [
    Promise(
        number=9,
        name="addresses",
        sentence="no address, redirect, page or name server leads to a non-public machine or to a local file",
        unit="hostile addresses",
        small=24,
        full=200,
        attempt=lead_nowhere,
    ),
    Promise(
        number=11,
        name="errors",
        sentence="every failure has a code from the table, and one line with a next step",
        unit="broken answers, files and errors",
        small=24,
        full=1000,
        attempt=fail_by_name,
    ),
]


if __name__ == "__main__":
    mode, tries, seed, folder = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for row in attempt_in_this_process(mode, int(tries), int(seed), Path(folder)):
        print(json.dumps(row), file=out, flush=True)
