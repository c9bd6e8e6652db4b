"""For `schemathesis run`: feedback names a request that is in the log, where it names any."""

import os

import schemathesis


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        named = body.get("request_id")
        if isinstance(named, str) and 1 <= len(named) <= 80:
            body["request_id"] = os.environ["KNOWN_REQUEST"]
    return body
