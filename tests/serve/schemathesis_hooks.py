"""For `schemathesis run`: feedback names a request that is in the log, where it names any; and what
the format `sqlite-select` is, which no description can define."""

import os

import schemathesis
from hypothesis import strategies as st

COLUMNS = st.sampled_from(["1", "name", "count(*)", "'a; b'", "max(size) AS m"])
TABLES = st.sampled_from(["trees", "trees AS t JOIN sizes USING (id)", "(SELECT 1)"])
QUERIES = st.builds("SELECT {} FROM {} LIMIT {}".format, COLUMNS, TABLES, st.integers(0, 9))
schemathesis.openapi.format("sqlite-select", QUERIES | QUERIES.map("WITH t AS ({0}) {0}".format))


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        named = body.get("request_id")
        if isinstance(named, str) and 1 <= len(named) <= 80:
            body["request_id"] = os.environ["KNOWN_REQUEST"]
    return body
