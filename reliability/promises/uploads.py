"""Promises about uploads: hostile ones, and those of other visitors.

python -m reliability.promises.uploads WHAT FOLDER SEED TRIES does one of WHAT in a process that starts no threads of its own, so that
decoders can be forked from it; what it found is one line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette

from cache.requests.queue import Requests, new_worker
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.catalogue import catalogue_of
from dashboard.selection.link import from_query
from dashboard.server.routes import player_routes
from dashboard.visitors.asking import asker_in
from dashboard.visitors.visitor import TICKET_HEADER, ticket_of
from precompute import sandbox
from precompute.media.sampling import Sampling
from reliability import Outcome, Promise
from reliability.apart import apart
from reliability.promises.media import MAX_SECONDS, MUTATORS, Corpus, Forked, try_file, write_corpus
from tests.fixtures.stores import add_track, make_clip

EXAMPLES = 5
N_VISITORS = 20
SETTINGS = {
    "CROSSCHECK_REQUESTS": "everyone",
    "CROSSCHECK_REQUEST_LIMITS": "waiting-in-all=100000,mb-in-all=1000000",
}
TITLES = (
    "../../../etc/cron.d/x",
    "/etc/passwd",
    "C:\\x.mp4",
    "a\0b.mp4",
    "<script>alert(1)</script>.mp4",
    "x" * 5000,
    "\u202egpj.exe",
    "",
    "CON",
    "😀",
)
PROTOCOL = ("plain", "parts", "wrong offset", "too many bytes", "line breaks", "foreign id", "broken JSON")
"""What else a hostile browser does with the upload."""


def hostile_uploads(tries: int, folder: Path, seed: int) -> Outcome:
    """Upload damaged videos, SVG, HTML, scripts and playlists that call themselves pictures, polyglots, decompression bombs and
    noise, under hostile names, in parts at wrong offsets, of other sizes than stated and broken off; ask for each, and read it as
    the worker does."""
    found = apart(__name__, "hostile", folder, seed, tries)
    figures = (
        f"{found['refused']} refused before they were stored, {found['stored']} stored; of those {found['shown']} could be decoded, "
        f"{found['named']} failed by name; {found['crashes']} crashes, {found['hangs']} hangs, {found['strays']} files elsewhere; "
        f"slowest {found['slowest']:.1f} s"
    )
    failures = found["crashes"] + found["hangs"] + found["strays"]
    return Outcome(tries, failures, figures, tuple(found["examples"][:EXAMPLES]))


def uploads_of_others(tries: int, folder: Path, seed: int) -> Outcome:
    """Twenty visitors upload files whose clips are then computed. Each tries to reach those of the others: by listing, ending and
    repeating their requests, by the digests of their files, by parts of the keys of their clips in links and exports, with tickets
    of nobody, and from another site."""
    found = apart(__name__, "others", folder, seed, tries)
    figures = f"seen or changed: {found['seen']} of {tries}; each owner still finds all of their own: {found['own']} of {found['n_own']}"
    return Outcome(tries, found["seen"] + found["n_own"] - found["own"], figures, tuple(found["examples"][:EXAMPLES]))


# A browser that obeys nobody


class Client:
    """The routes of a store, asked without a server: whatever one of them raises comes out here."""

    def __init__(self, store: Store) -> None:
        self._app = Starlette(routes=player_routes(store))

    def ask(
        self,
        method: str,
        path: str,
        parts: Iterable[bytes] = (b"",),
        *,
        query: str = "",
        breaks: bool = False,
        **headers: str,
    ) -> tuple[int, Any]:
        """Status and JSON (or bytes) of the answer. `breaks`: the line is cut after the parts."""
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages += [{"type": "http.disconnect"} if breaks else {"type": "http.request", "body": b""}]
        named = {name.replace("_", "-").lower(): text for name, text in headers.items()}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in named.items()],
        }
        asyncio.run(self._app(scope, receive, send))  # type: ignore[arg-type]
        body = b"".join(message.get("body", b"") for message in sent[1:])
        with suppress(ValueError):
            return sent[0]["status"], json.loads(body)
        return sent[0]["status"], body


def ticket(who: str) -> dict[str, str]:
    return {TICKET_HEADER.replace("-", "_"): ticket_of(who)}


def new_visitor(choose: random.Random) -> str:
    return f"{choose.getrandbits(128):032x}"


# Hostile uploads


def hostile(folder: Path, seed: int, tries: int) -> dict[str, Any]:
    os.environ.update(SETTINGS)
    (folder / "corpus").mkdir()
    write_corpus(folder / "corpus")
    corpus = Corpus(folder / "corpus")
    sandbox.start = Forked  # type: ignore[assignment]
    root = folder / "store"
    store = Store(root)
    client, requests, uploads = Client(store), Requests(root), Uploads(root)
    before = {path.name for path in root.iterdir()}
    total, examples, slowest = Counter[str](), list[str](), 0.0
    for number in range(tries):
        choose = random.Random(f"{seed} {number}")
        kind = KINDS[number % len(KINDS)]
        protocol = choose.choice(PROTOCOL)
        what = f"seed {seed}, try {number}: {kind.__name__}, {protocol}"
        began = time.monotonic()
        try:
            content = kind(choose, corpus)
            id = _asked_for(client, content, protocol, choose)
            total["stored" if id else "refused"] += 1
            if id:
                result = _read(requests, uploads, id)
                total["named" if result["code"] else "shown"] += 1
                if result["fault"]:
                    raise RuntimeError(result["fault"])
        except Exception as error:
            total["crashes"] += 1
            examples.append(f"{what}: {type(error).__name__}: {error}"[:300])
        seconds = time.monotonic() - began
        slowest = max(slowest, seconds)
        if seconds > 2 * MAX_SECONDS:
            total["hangs"] += 1
            examples.append(f"{what}: took {seconds:.1f} s")
        for request in requests.all():
            requests.cancel(request.id)
            requests.forget(request.id)
        for upload in uploads.stored():
            uploads.delete(upload.sha256)
        strays = {path.name for path in root.iterdir()} - before - {"requests", "uploads"}
        if strays:
            total["strays"] += len(strays)
            examples.append(f"{what}: {sorted(strays)}")
            before |= strays
    names = ("refused", "stored", "shown", "named", "crashes", "hangs", "strays")
    return {name: total[name] for name in names} | {"slowest": slowest, "examples": examples}


def _asked_for(client: Client, content: bytes, protocol: str, choose: random.Random) -> str:
    """The id of the request for it; empty if it was refused. Raises RuntimeError for an answer that no visitor should get."""
    who = ticket(new_visitor(choose))

    def ask(
        method: str, path: str, parts: Iterable[bytes] = (b"",), expected: tuple[int, ...] = (), **more: Any
    ) -> Any:
        status, answer = client.ask(method, f"/asking/{path}", parts, **who, **more)
        if status >= 500 or (expected and status not in expected):
            raise RuntimeError(f"{method} {path[:60]} was answered by {status}: {str(answer)[:200]}")
        return answer

    if protocol == "broken JSON":
        for body in (b"{", b"\xff\xfe", b"[" * 20000, b'{"bytes": 1e400}', b'{"bytes": 99999999999999999999}'):
            ask("POST", "uploads", [body], (422,))
    n_bytes = len(content) - (protocol == "too many bytes")
    begun = ask("POST", "uploads", [json.dumps({"bytes": n_bytes}).encode()], (201, 422))
    if "id" not in begun:
        return ""
    path, at, answer = f"uploads/{begun['id']}", 0, {}
    if protocol == "foreign id":
        ask("PUT", f"uploads/{choose.choice(('..', '%2e%2e', '0' * 32, 'x' * 3000))}", [content], (404,), query="at=0")
    if protocol == "wrong offset":
        for wrong in (-1, 1, 1 << 70, "x", ""):
            ask("PUT", path, [content], (409,), query=f"at={wrong}")
    if protocol == "line breaks":
        ask("PUT", path, [content[: len(content) // 2]], query="at=0", breaks=True)
        at = ask("PUT", path, [b""], (409,), query="at=-1")["received"]
    size = len(content) if protocol == "plain" else choose.randint(1, max(1, len(content) // 3))
    while at < len(content):
        answer = ask("PUT", path, _torn(content[at : at + size], choose), (200, 404, 422), query=f"at={at}")
        if "upload" not in answer:
            return ""
        at = answer["received"]
    source = {"upload": answer["upload"], "title": choose.choice(TITLES)}
    options = {"zoo": "mini", "size": 64, "end": choose.choice((1, 10, 1e9)), "fps": choose.choice((1, 10, None))}
    return ask("POST", "requests", [json.dumps({"source": source, "options": options}).encode()], (201, 422)).get(
        "id", ""
    )


def _torn(part: bytes, choose: random.Random) -> list[bytes]:
    """As a network delivers it."""
    cut = choose.randint(0, len(part))
    return [part[:cut], part[cut:]]


def _read(requests: Requests, uploads: Uploads, id: str) -> dict[str, Any]:
    request = requests.get(id)
    assert request is not None
    options = request.asked.options
    sampling = Sampling(options.start, options.end, options.fps, options.max_frames, options.size)
    return try_file(uploads.path(request.asked.source.name), sampling)


# Contents: each from a generator of its own, so that a try can be repeated


def damaged_video(choose: random.Random, corpus: Corpus) -> bytes:
    own, other = (corpus.content(choose.choice(corpus.names)) for _ in range(2))
    return MUTATORS[choose.randrange(len(MUTATORS))](np.random.default_rng(choose.getrandbits(32)), own, other) or b"\0"


def text_as_picture(choose: random.Random, corpus: Corpus) -> bytes:
    return choose.choice(
        (
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>',
            b"<!doctype html><script>fetch('/asking/requests')</script>",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"#!/bin/sh\ntouch /tmp/pwned\n",
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><MPD>&e;</MPD>',
            b"%!PS\n(/etc/passwd) (r) file\n",
        )
    )


def polyglot(choose: random.Random, corpus: Corpus) -> bytes:
    head = choose.choice(
        (
            b"\xff\xd8\xff\xe0",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"RIFF\x24\0\0\0WEBP",
            b"\0\0\0\x20ftypavif",
            b"PK\x03\x04",
        )
    )
    return head + text_as_picture(choose, corpus) + damaged_video(choose, corpus)


def bomb(choose: random.Random, corpus: Corpus) -> bytes:
    """A small PNG of gigabytes, or of a size that it does not have."""
    side = choose.choice((20_000, 60_000, 2**31 - 1))
    row = zlib.compress(bytes(1 << choose.choice((10, 24))), 9)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", row), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def noise(choose: random.Random, corpus: Corpus) -> bytes:
    return choose.randbytes(choose.choice((1, 15, 16, 4096, 300_000)))


def many_pictures(choose: random.Random, corpus: Corpus) -> bytes:
    """A chain of JPEGs, which counts as one picture."""
    import cv2

    one = cv2.imencode(".jpg", np.full((48, 64, 3), choose.randrange(256), np.uint8))[1].tobytes()
    return one * choose.randint(2, 500)


KINDS: tuple[Callable[[random.Random, Corpus], bytes], ...] = (
    damaged_video,
    text_as_picture,
    polyglot,
    bomb,
    noise,
    many_pictures,
)


# Those of others


def others(folder: Path, seed: int, tries: int) -> dict[str, Any]:
    os.environ.update(SETTINGS)
    choose = random.Random(seed)
    root = folder / "store"
    store = Store(root)
    client, requests, uploads = Client(store), Requests(root), Uploads(root)
    owners = [new_visitor(choose) for _ in range(N_VISITORS)]
    owned: dict[str, dict[str, str]] = {}
    add_track(store, make_clip("listed", n_frames=2), kind="input", path="rgb", number=1)
    for who in owners:
        content = choose.randbytes(2000)
        sha256 = _uploaded(client, who, content)
        title = f"secret of {who}"
        made = client.ask("POST", "/asking/requests", [_request({"upload": sha256, "title": title})], **ticket(who))[1][
            "id"
        ]
        clip = make_clip(title, n_frames=2)
        uploads.unlist(clip.key)
        add_track(store, clip, kind="input", path="rgb", number=1)
        owned[who] = {"id": made, "sha256": sha256, "clip": clip.key, "title": title}
        if choose.random() < 0.5 and (lease := requests.claim(made, new_worker())) is not None:
            lease.end("cancelled", clip=clip.key)
    seen, examples = 0, list[str]()
    for number in range(tries):
        who, victim = choose.sample(owners, 2)
        name = choose.choice(list(ATTACKS))
        if leak := ATTACKS[name](client, store, who, owned[victim], choose):
            seen += 1
            examples.append(f"seed {seed}, try {number}: {name}: {leak}"[:300])
    own = 0
    for who, known in owned.items():
        rows = client.ask("GET", "/asking/requests", **ticket(who))[1]["requests"]
        selection, _ = _opened(store, known["clip"])
        own += [row["id"] for row in rows] == [known["id"]] and selection == known["title"]
    return {"seen": seen, "own": own, "n_own": len(owned), "examples": examples}


def _uploaded(client: Client, who: str, content: bytes) -> str:
    id = client.ask("POST", "/asking/uploads", [json.dumps({"bytes": len(content)}).encode()], **ticket(who))[1]["id"]
    return client.ask("PUT", f"/asking/uploads/{id}", [content], query="at=0", **ticket(who))[1]["upload"]


def _request(source: dict[str, str]) -> bytes:
    return json.dumps({"source": source, "options": {"end": 1, "fps": 1}}).encode()


def _opened(store: Store, clip: str) -> tuple[str, str]:
    """Titles of the clip that the page shows for a link, and of all that its menu lists."""
    link = {"clip": clip}
    catalogue = catalogue_of(store, link)
    selection, _ = from_query(link, catalogue)
    return (selection.clip.title if selection else ""), " ".join(one.title for one in catalogue.clips)


def _named(answer: tuple[int, Any], known: dict[str, str]) -> str:
    """What an answer gives away; empty if nothing."""
    text = str(answer[1])
    return next((f"{name} in {answer[0]} {text[:80]}" for name in known if known[name] in text), "")


Attack = Callable[[Client, Store, str, dict[str, str], random.Random], str]


def _list(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    return _named(client.ask("GET", "/asking/requests", **ticket(who)), known)


def _end(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    before = Requests(store.root).get(known["id"])
    if choose.random() < 0.5:
        client.ask("POST", f"/asking/requests/{known['id']}/cancel", **ticket(who))
    else:
        client.ask("DELETE", f"/asking/requests/{known['id']}", **ticket(who))
    return "" if Requests(store.root).get(known["id"]) == before else "its request changed"


def _again(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    answer = client.ask("POST", "/asking/requests", [json.dumps({"again": known["id"]}).encode()], **ticket(who))
    return "asked for again" if answer[0] < 400 else _named(answer, known)


def _digest(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    answer = client.ask(
        "POST", "/asking/requests", [_request({"upload": known["sha256"], "title": "x"})], **ticket(who)
    )
    return "asked for by its digest" if answer[0] < 400 else ""


def _part_of_key(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    shown, listed = _opened(store, known["clip"][: choose.choice((0, 1, 12, 32, 63))])
    return "the clip is shown or listed" if known["title"] in (shown, listed) or known["title"] in listed else ""


def _export(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    answer = client.ask("GET", "/series.parquet", query=f"clip={known['clip'][: choose.choice((1, 12, 63))]}")
    return _named(answer, {"title": known["title"], "clip": known["clip"]})


def _forge(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    owner = hashlib.sha256(known["title"].encode()).hexdigest()
    made = choose.choice(
        ("", "x", f"{known['title'][-32:]}.99999999999.{owner}", ticket_of(known["title"][-32:])[:-1] + "z")
    )
    answer = client.ask("GET", "/asking/requests", **{TICKET_HEADER.replace("-", "_"): made})
    return "" if answer[0] == 401 else f"answered by {answer[0]}"


def _cross_site(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    valid = ticket(known["title"][-32:])
    answer = client.ask("GET", "/asking/requests", sec_fetch_site=choose.choice(("cross-site", "same-site")), **valid)
    return "" if answer[0] == 401 else f"answered by {answer[0]}"


def _asker(client: Client, store: Store, who: str, known: dict[str, str], choose: random.Random) -> str:
    asker = asker_in(os.environ, store, who, is_signed_in=False)
    return "found" if asker.get(known["id"]) or any(one.id == known["id"] for one in asker.own()) else ""


ATTACKS: dict[str, Attack] = {
    "list": _list,
    "end": _end,
    "ask again": _again,
    "digest": _digest,
    "part of the key": _part_of_key,
    "export": _export,
    "forged ticket": _forge,
    "another site": _cross_site,
    "asker": _asker,
}

PROMISES: list[Promise] = [
    Promise(
        number=18,
        name="hostile-uploads",
        sentence="no upload crashes or stops the server or the worker, or is stored elsewhere than under its digest",
        unit="uploads",
        small=12,
        full=1000,
        attempt=hostile_uploads,
    ),
    Promise(
        number=19,
        name="uploads-of-others",
        sentence="nobody sees, ends or uses what another visitor uploaded",
        unit="attempts",
        small=40,
        full=1000,
        attempt=uploads_of_others,
    ),
]

if __name__ == "__main__":
    print(
        json.dumps(
            {"hostile": hostile, "others": others}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        )
    )
