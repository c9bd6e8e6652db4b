"""Vertex AI and Cloud Storage as their REST references describe them, on one loopback server.

It is a real HTTP server, since Google's own library fetches the tokens: a service account's signed
request is checked with the account's key, and every other call wants the token it was given.
Bodies are checked strictly: an unknown field is refused, as Google refuses it.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from loopback import Handler, listening

PROJECT, LOCATION, BUCKET = "acme-1", "europe-west4", "acme-tuning"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
ENDPOINT = f"projects/77/locations/{LOCATION}/endpoints/4242"
STEPS = ("PENDING", "RUNNING", "RUNNING", "SUCCEEDED")
TOKENS = 1234
TOKEN = "ya29.secret-token"
SPEC = {
    "trainingDatasetUri",
    "validationDatasetUri",
    "hyperParameters",
    "exportLastCheckpointOnly",
}


class Google:
    """The server's books."""

    def __init__(self) -> None:
        self.url = ""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        """Chat completions."""
        self.tokens = 0
        """How many were handed out."""
        self.fail_with = ""
        self.page_size = 1
        """Jobs on a page, so that the tag is looked for on every one."""

    def account(self, folder: Path) -> Path:
        """The file of a service account, as the console writes it."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = folder / "account.json"
        plain = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "k1",
            "private_key": private.decode(),
            "client_email": "rung@acme-1.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(plain))
        return path

    def token(self, form: str) -> Any:
        """An access token for a signed request (RFC 7523)."""
        said = dict(urllib.parse.parse_qsl(form))
        assert said["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head, body, signature = said["assertion"].split(".")
        try:
            self.key.public_key().verify(
                _decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        assert "cloud-platform" in json.loads(_decoded(body))["scope"]
        self.tokens += 1
        return {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Any:
        """A JSON body, or (status, body)."""
        if path.startswith(f"/storage/v1/b/{BUCKET}/o/"):
            name = urllib.parse.unquote(path.rsplit("/", 1)[-1])
            return {"name": name} if name in self.objects else (404, _error("No such object"))
        if path == f"/upload/storage/v1/b/{BUCKET}/o":
            assert query["uploadType"] == "media" and query["ifGenerationMatch"] == "0"
            if query["name"] in self.objects:
                return 412, _error("At least one of the pre-conditions did not hold")
            self.objects[query["name"]] = body
            return {"name": query["name"], "size": str(len(body))}
        if path.endswith("/chat/completions"):
            return self._chat(path, json.loads(body))
        if path == f"/v1/{PARENT}/tuningJobs":
            return self._start(json.loads(body)) if method == "POST" else self._list(query)
        ident, _, verb = path.removeprefix("/v1/").partition(":")
        if ident not in self.jobs:
            return 404, _error("Not found")
        if verb == "cancel":
            if self.jobs[ident]["step"] == "end":
                return 400, _error("The job has ended")
            self.jobs[ident] |= {"state": "CANCELLED", "step": "end"}
            return {}
        return self._look(ident)

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        assert set(body) == {"baseModel", "tunedModelDisplayName", "supervisedTuningSpec"}
        spec = body["supervisedTuningSpec"]
        assert set(spec) <= SPEC and set(spec["hyperParameters"]) == {"epochCount", "adapterSize"}
        assert spec["hyperParameters"]["adapterSize"] == "ADAPTER_SIZE_SIXTEEN"
        for field in ("trainingDatasetUri", "validationDatasetUri"):
            assert spec[field].removeprefix(f"gs://{BUCKET}/") in self.objects
        ident = f"{PARENT.replace(PROJECT, '77')}/tuningJobs/{len(self.jobs) + 1}"
        self.jobs[ident] = {"body": body, "step": 0, "state": "PENDING"}
        return self._view(ident)

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        first = int(query.get("pageToken") or 0)
        names = list(self.jobs)[first : first + self.page_size]
        more = first + self.page_size < len(self.jobs)
        said: dict[str, Any] = {"tuningJobs": [self._view(name) for name in names]} if names else {}
        return said | ({"nextPageToken": str(first + self.page_size)} if more else {})

    def _look(self, ident: str) -> dict[str, Any]:
        job = self.jobs[ident]
        if job["step"] != "end":
            failed = self.fail_with and job["step"] == 1
            job["state"] = "FAILED" if failed else STEPS[job["step"]]
            ended = job["state"] in ("FAILED", "SUCCEEDED")
            job["step"] = "end" if ended else job["step"] + 1
        return self._view(ident)

    def _view(self, ident: str) -> dict[str, Any]:
        job = self.jobs[ident]
        said = {"name": ident, **job["body"], "state": f"JOB_STATE_{job['state']}"}
        if job["state"] == "FAILED":
            said["error"] = {"code": 3, "message": self.fail_with}
        if job["state"] == "SUCCEEDED":
            counted = {"totalBillableTokenCount": str(TOKENS)}
            said["tunedModel"] = {"model": "projects/77/models/1@1", "endpoint": ENDPOINT}
            said["tuningDataStats"] = {"supervisedTuningDataStats": counted}
        return said

    def _chat(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append({"path": path, **body})
        message = {"role": "assistant", "content": "code 7"}
        return {
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2},
        }


def _error(message: str) -> dict[str, Any]:
    return {"error": {"code": 0, "message": message}}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def google() -> Iterator[Google]:
    """The server on a free port, for as long as the block lasts."""
    books = Google()

    class Call(Handler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.body()
            path, _, asked = self.path.partition("?")
            books.calls.append(f"{self.command} {path}")
            if path == "/token":
                said: Any = books.token(body.decode())
            elif self.headers.get("authorization") != f"Bearer {TOKEN}":
                said = 401, _error("who is this?")
            else:
                said = books.answer(self.command, path, dict(urllib.parse.parse_qsl(asked)), body)
            status, plain = said if isinstance(said, tuple) else (200, said)
            self.say(json.dumps(plain).encode(), status)

    with listening(Call) as books.url:
        yield books
