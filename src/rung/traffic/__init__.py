"""The traffic log: what the served winner was asked and answered, and what people say of it.

`open_store` opens it; the records are plain data. Nothing here serves, labels or trains.
"""

from rung.traffic.opening import log_url, open_store
from rung.traffic.records import Feedback, Judged, Query, TrafficRecord

__all__ = ["Feedback", "Judged", "Query", "TrafficRecord", "log_url", "open_store"]
