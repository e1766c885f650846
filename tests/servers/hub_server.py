"""A Hub on the loopback: what huggingface_hub 0.36 to 2.4 and `datasets` ask of the real one, and its faults.

    with HubServer() as hub:
        ...  # clients with HF_ENDPOINT=hub.url

Large files are answered by a redirect to another host name (`localhost`), as the Hub's CDN does, which
refuses requests that carry a token. `hub.fault(...)` makes matching requests fail.
"""

import hashlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from hub_store import Refused, Store

REPOSITORY = r"(?P<kind>datasets/|spaces/)?(?P<name>[^/]+/[^/]+)"
API = r"/api/(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate"),
    ("GET", r"/api/datasets", "listing"),
    ("GET", rf"{API}(/revision/(?P<revision>[^/]+))?", "info"),
    ("GET", rf"{API}/refs", "refs"),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?", "tree"),
    ("GET", rf"{API}/commits/(?P<revision>[^/]+)", "commits"),
    ("POST", rf"{API}/paths-info/(?P<revision>[^/]+)", "paths_info"),
    ("POST", rf"{API}/preupload/(?P<revision>[^/]+)", "preupload"),
    ("POST", rf"{API}/commit/(?P<revision>[^/]+)", "commit"),
    ("POST", rf"{API}/tag/(?P<revision>[^/]+)", "tag"),
    ("DELETE", rf"{API}/tag/(?P<revision>[^/]+)", "untag"),
    ("POST", rf"{API}/branch/(?P<revision>[^/]+)", "branch"),
    ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/batch", "batch"),
    ("POST", r"/lfs/verify", "verify"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})(/(?P<part>\d+))?", "upload"),
    ("POST", r"/lfs/(?P<oid>[0-9a-f]{64})", "complete"),
    ("GET", r"/cdn/(?P<oid>[0-9a-f]{64})", "cdn"),
    ("GET", rf"/{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
]


@dataclass
class Fault:
    """What goes wrong with some requests.

    Attributes:
        kind: status | drop (no answer) | lost (done, but no answer) | cut (half a body) | flip (one other
            byte) | slow | stuck (until `released`).
        path: a regular expression for "METHOD /path".
        status: of kind "status".
        every: each so-manieth matching request fails; 1: all.
        times: how many fail at the most.
        seconds: Retry-After, or how slow.
    """

    kind: str
    path: str = ""
    status: int = 500
    every: int = 1
    times: int = 10**9
    seconds: float | None = None

    def __post_init__(self):
        self.seen = self.struck = 0
        self.reached, self.released = threading.Event(), threading.Event()

    def strikes(self, line):
        if not re.search(self.path, line) or self.struck >= self.times:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.struck += 1
        self.reached.set()
        return True


class HubServer(ThreadingHTTPServer):
    """The server; its state is open to tests. `log` holds (method, path, status, bytes received, when)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reset()

    def reset(self):
        self.store, self.faults, self.log = Store(), [], []
        self.lock, self.parts = threading.RLock(), {}
        self.agents = set()  # what clients call themselves
        self.page, self.part_size = 1000, 10**9
        self.xet = False  # whether large files are offered over Xet too, which is not spoken here

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, kind, path="", **options):
        self.faults.append(Fault(kind, path, **options))
        return self.faults[-1]

    def requests(self, pattern):
        return [entry for entry in self.log if re.search(pattern, f"{entry[0]} {entry[1]}")]

    def sent(self):
        """Bytes of files that clients have sent."""
        return sum(size for method, path, _, size, _ in self.log if method == "PUT" or "/commit/" in path)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_): ...

    def _serve(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        self.query, line = parse_qs(split.query), f"{self.command} {unquote(split.path)}"
        hub = self.server
        with hub.lock:
            hub.agents.add(self.headers.get("User-Agent", ""))
            fault = next((fault for fault in hub.faults if fault.strikes(line)), None)
        self.fault = fault.kind if fault else None
        if fault and not self._before(fault):
            return
        try:
            self._route(split.path)
        except Refused as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            headers |= getattr(self, "extra", {})
            self._send(refusal.status, {"error": refusal.message}, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  (as http.server names them)

    def _before(self, fault):
        """Whether the request is to be answered after all."""
        if fault.kind == "status":
            headers = {"Retry-After": str(fault.seconds)} if fault.seconds is not None else {}
            self._send(fault.status, {"error": "injected"}, headers)
        elif fault.kind == "drop":
            self._note(0)
            self._hang_up()
        elif fault.kind == "stuck":
            fault.released.wait(60)
            return True
        elif fault.kind == "slow":
            time.sleep(fault.seconds)
            return True
        else:
            return True
        return False

    def _hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _route(self, path):
        method = "GET" if self.command == "HEAD" else self.command
        for wanted, pattern, name in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                parts = {key: unquote(value) if value else value for key, value in found.groupdict().items()}
                with self.server.lock:
                    answer = getattr(self, f"_{name}")(**parts)
                self._send(*answer)
                return
        raise Refused(404, "", f"no route for {method} {path}")

    def _note(self, status):
        self.server.log.append((self.command, self.path, status, len(self.body), time.monotonic()))

    def _send(self, status, content, headers=None):
        self._note(status)
        if self.fault == "lost":
            self._hang_up()
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Access-Control-Allow-Origin": "*", **(headers or {})}  # pages of any origin may read
        if status == 200 and isinstance(content, bytes) and (asked := self.headers.get("Range")):
            status, body, headers["Content-Range"] = self._range(asked, body)
        if self.fault == "flip" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self._hang_up()
            return
        self.wfile.write(body)

    def _range(self, asked, body):
        first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
        start, stop = int(first), min(int(last) + 1 if last else len(body), len(body))
        if start >= len(body):
            raise Refused(416, "", "out of range")
        return 206, body[start:stop], f"bytes {start}-{stop - 1}/{len(body)}"

    @property
    def user(self):
        words = (self.headers.get("Authorization") or "").split()
        return self.server.store.user(words[1] if len(words) == 2 else None)

    def _find(self, kind, name, *, write=False):
        kind = (kind or "models").strip("/").removesuffix("s")
        return self.server.store.find(kind, name, self.user, write)

    # --- what the API knows -------------------------------------------------------------------------

    def _whoami(self):
        if self.user is None:
            raise Refused(401, "", "Invalid username or password.")
        return 200, {"type": "user", "name": self.user.name, "auth": {"accessToken": {"role": "write"}}}

    def _create(self):
        asked = json.loads(self.body)
        kind = asked.get("type") or "model"
        name = f"{asked.get('organization') or (self.user.name if self.user else '')}/{asked['name']}"
        url = {"url": f"{self.server.url}/{'' if kind == 'model' else kind + 's/'}{name}"}
        try:
            store = self.server.store
            private = (
                asked.get("private") or asked.get("visibility") == "private"
            )  # the words of 0.x and of 2.x
            store.create(kind, asked.get("organization"), asked["name"], self.user, private)
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return 409, {**url, "error": refusal.message}
        return 200, url

    def _validate(self):
        return 200, {"errors": [], "warnings": []}

    def _listing(self):
        author, search = (self.query.get(key, [""])[0] for key in ("author", "search"))
        known = [name for kind, name in self.server.store.repositories if kind == "dataset"]
        return 200, [
            {"id": name, "private": False, "tags": []}
            for name in sorted(known)
            if search in name and name.startswith(f"{author}/" if author else "")
        ]

    def _info(self, kind, name, revision):
        repository = self._find(kind, name)
        commit = repository.resolve(revision or "main")
        asked = self.query.get("blobs") in (["true"], ["True"])
        siblings = [
            {"rfilename": path, **({"size": blob.describe(path)["size"]} if asked else {})}
            for path, blob in sorted(commit.files.items())
        ]
        return 200, {
            "id": name,
            "sha": commit.oid,
            "private": repository.private,
            "gated": "auto" if repository.gated else False,
            "tags": [],
            "siblings": siblings,
        }

    def _refs(self, kind, name):
        repository = self._find(kind, name)

        def shown(references, where):
            return [
                {"name": key, "ref": f"refs/{where}/{key}", "targetCommit": oid}
                for key, oid in references.items()
            ]

        return 200, {
            "branches": shown(repository.branches, "heads"),
            "tags": shown(repository.tags, "tags"),
            "converts": [],
        }

    def _tree(self, kind, name, revision, path):
        commit = self._find(kind, name).resolve(revision)
        inside = f"{path}/" if path else ""
        recursive = self.query.get("recursive", ["False"])[0].lower() in ("true", "1")
        found, folders = [], set()
        for file in sorted(commit.files):
            if not file.startswith(inside):
                continue
            parents = file[len(inside) :].split("/")[:-1]
            folders |= {inside + "/".join(parents[: n + 1]) for n in range(len(parents))}
            if recursive or not parents:
                found.append(commit.files[file].describe(file))
        shown = [folder for folder in folders if recursive or "/" not in folder[len(inside) :]]
        found += [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in shown]
        if not found and path:
            raise Refused(404, "EntryNotFound", f"{path} does not exist")
        return 200, *self._paged(sorted(found, key=lambda entry: entry["path"]))

    def _paged(self, entries):
        start = int(self.query.get("cursor", ["0"])[0])
        page = self.server.page
        shown, left = entries[start : start + page], entries[start + page :]
        if not left:
            return shown, {}
        path = urlsplit(self.path).path
        recursive = self.query.get("recursive", ["False"])[0]
        following = f"{self.server.url}{path}?recursive={recursive}&cursor={start + page}"
        return shown, {"Link": f'<{following}>; rel="next"'}

    def _commits(self, kind, name, revision):
        history = self._find(kind, name).history(revision)
        return 200, [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": "",
                "date": "2026-01-01T00:00:00.000Z",
                "authors": [{"user": commit.author}],
            }
            for commit in history
        ]

    def _paths_info(self, kind, name, revision):
        files = self._find(kind, name).resolve(revision).files
        asked = parse_qs(self.body.decode())["paths"]
        found = [files[path].describe(path) for path in asked if path in files]
        folders = [path for path in asked if any(file.startswith(f"{path}/") for file in files)]
        return 200, found + [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]

    # --- writing ------------------------------------------------------------------------------------

    def _preupload(self, kind, name, revision):
        repository = self._find(kind, name, write=True)
        head = repository.resolve(revision)
        attributes = head.files[".gitattributes"].content.decode()
        endings = tuple(line.split()[0][1:] for line in attributes.splitlines())
        files = []
        for file in json.loads(self.body)["files"]:
            is_large = file["path"].endswith(endings) or file["size"] > 10_000_000
            known = head.files.get(file["path"])
            files.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if is_large else "regular",
                    "shouldIgnore": False,
                    "oid": (known.sha256 or known.oid) if known else None,
                }
            )
        return 200, {"files": files, "commitOid": head.oid}

    def _batch(self, kind, name):
        self._find(kind, name, write=True)
        asked = json.loads(self.body)
        transfer = "xet" if self.server.xet and "xet" in asked["transfers"] else "basic"
        return 200, {"transfer": transfer, "objects": [self._action(entry) for entry in asked["objects"]]}

    def _action(self, entry):
        if entry["oid"] in self.server.store.objects:
            return entry
        href = f"{self.server.url}/lfs/{entry['oid']}"
        upload = {"href": f"{href}?signature=x"}
        if entry["size"] > self.server.part_size:
            count = -(-entry["size"] // self.server.part_size)
            urls = {str(part + 1): f"{href}/{part + 1}?signature=x" for part in range(count)}
            upload["header"] = {"chunk_size": str(self.server.part_size), **urls}
        verify = {"href": f"{self.server.url}/lfs/verify"}
        return {**entry, "actions": {"upload": upload, "verify": verify}}

    def _upload(self, oid, part):
        if self.headers.get("Authorization"):
            raise Refused(400, "", "Only one auth mechanism allowed")
        if part:
            self.server.parts[oid, int(part)] = self.body
            return 200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'}
        return self._keep(oid, self.body)

    def _complete(self, oid):
        parts = [self.server.parts[oid, entry["partNumber"]] for entry in json.loads(self.body)["parts"]]
        return self._keep(oid, b"".join(parts))

    def _keep(self, oid, content):
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refused(400, "", "the body is not what was announced")
        self.server.store.objects[oid] = content
        return 200, {}

    def _verify(self):
        asked = json.loads(self.body)
        if len(self.server.store.objects.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(404, "", "no such object")
        return 200, {}

    def _commit(self, kind, name, revision):
        repository = self._find(kind, name, write=True)
        oid = self.server.store.apply(repository, revision, self.body.decode(), self.user.name)
        return 200, {"commitUrl": f"{self.server.url}/{name}/commit/{oid}", "commitOid": oid}

    def _tag(self, kind, name, revision):
        repository = self._find(kind, name, write=True)
        tag = json.loads(self.body)["tag"]
        if tag in repository.tags:
            raise Refused(409, "", f"Tag reference exists already: {tag}")
        repository.tags[tag] = repository.resolve(revision).oid
        return 200, {}

    def _untag(self, kind, name, revision):
        repository = self._find(kind, name, write=True)
        if repository.tags.pop(revision, None) is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return 200, {}

    def _branch(self, kind, name, revision):
        repository = self._find(kind, name, write=True)
        start = json.loads(self.body or b"{}").get("startingPoint", "main")
        repository.branches[revision] = repository.resolve(start).oid
        return 200, {}

    # --- reading ------------------------------------------------------------------------------------

    def _resolve(self, kind, name, revision, path):
        commit = self._find(kind, name).resolve(revision)
        self.extra = {"X-Repo-Commit": commit.oid}
        blob = commit.files.get(path)
        if blob is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.oid}"', "Accept-Ranges": "bytes"}
        if blob.sha256 is None:
            return 200, blob.content, headers
        headers |= {
            "X-Linked-Etag": f'"{blob.sha256}"',
            "X-Linked-Size": str(blob.size),
            "X-Xet-Hash": blob.sha256 if self.server.xet else None,
            "X-Xet-Refresh-Route": f"{self.server.url}/xet" if self.server.xet else None,
            "Location": f"{self.server.url.replace('127.0.0.1', 'localhost')}/cdn/{blob.sha256}?signature=x",
        }
        return 302, b"", headers

    def _cdn(self, oid):
        if self.headers.get("Authorization"):
            raise Refused(400, "", "Only one auth mechanism allowed")
        return 200, self.server.store.objects[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
