"""For `schemathesis run`: feedback names a request that is in the log, where it names any; and what
the formats are that no description can define: `sqlite-select`, `visible-text`, `limited-words`."""

import os

import schemathesis
from hypothesis import strategies as st

COLUMNS = st.sampled_from(["1", "name", "count(*)", "'a; b'", "max(size) AS m"])
TABLES = st.sampled_from(["trees", "trees AS t JOIN sizes USING (id)", "(SELECT 1)"])
QUERIES = st.builds("SELECT {} FROM {} LIMIT {}".format, COLUMNS, TABLES, st.integers(0, 9))
schemathesis.openapi.format("sqlite-select", QUERIES | QUERIES.map("WITH t AS ({0}) {0}".format))

WORDS = st.lists(st.sampled_from(["oak", "ash", "10", "élan", "-"]), min_size=1, max_size=5)
schemathesis.openapi.format("limited-words", WORDS.map(" ".join))
schemathesis.openapi.format("visible-text", st.text().map("tree {}".format))


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        named = body.get("request_id")
        if isinstance(named, str) and 1 <= len(named) <= 80:
            body["request_id"] = os.environ["KNOWN_REQUEST"]
    return body
