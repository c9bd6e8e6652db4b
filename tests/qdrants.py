"""A double of Qdrant's server: its HTTP interface, as far as a store uses it, before the engine
that Qdrant's own client has for local mode. No package brings a real server along."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from loopback import Handler, listening

KEY = "s3cret"


def _answer(client: Any, name: str, what: str, sent: dict[str, Any]) -> Any:
    from qdrant_client import models as m

    match what:
        case "GET /exists":
            return {"exists": client.collection_exists(name)}
        case "PUT ":
            form = m.CreateCollection.model_validate(sent)
            return client.create_collection(
                name, vectors_config=form.vectors, sparse_vectors_config=form.sparse_vectors
            )
        case "PUT /index":
            return {"operation_id": 0, "status": "completed"}
        case "PUT /points":
            return client.upsert(name, m.PointsList.model_validate(sent).points).model_dump()
        case "POST /points/query":
            asked = m.QueryRequest.model_validate(sent)
            found = client.query_points(
                name,
                query=asked.query,
                using=asked.using,
                query_filter=asked.filter,
                limit=asked.limit,
                with_payload=asked.with_payload,
            )
            return found.model_dump()
        case "POST /points/scroll":
            points, after = client.scroll(
                name,
                m.ScrollRequest.model_validate(sent).filter,
                limit=sent["limit"],
                offset=sent.get("offset"),
            )
            return {"points": [p.model_dump() for p in points], "next_page_offset": after}
        case "POST /points":
            return [p.model_dump() for p in client.retrieve(name, sent["ids"])]
        case "POST /points/count":
            return client.count(name, exact=True).model_dump()
        case "POST /facet":
            return client.facet(name, sent["key"], limit=sent["limit"]).model_dump()
    raise AssertionError(f"the double does not know {what}")


@contextmanager
def started() -> Iterator[str]:
    """Its address, with a key, for as long as the block lasts."""
    library = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    client, turn = library.QdrantClient(location=":memory:"), threading.Lock()

    class Qdrant(Handler):
        def answer(self) -> None:
            sent = json.loads(self.body() or b"{}")
            if self.headers.get("api-key") != KEY:
                return self.say(b'{"status": {"error": "Must provide an API key"}}', 401)
            path = re.fullmatch(r"/collections/([^/?]+)([^?]*)(\?.*)?", self.path)
            assert path is not None, self.path
            what = f"{self.command} {path[2]}"
            try:
                with turn:
                    result = _answer(client, path[1], what, sent)
            except ValueError as error:
                status = 409 if what == "PUT " else 404
                return self.say(json.dumps({"status": {"error": str(error)}}).encode(), status)
            return self.say(json.dumps({"result": result, "status": "ok", "time": 0}).encode())

        do_GET = do_PUT = do_POST = answer

    with listening(Qdrant) as at:
        yield at.replace("://", f"://any:{KEY}@")
