"""Where a store's server is: in the environment, since it may hold a password."""

import os

from rung.errors import UserError

URL = "RUNG_KNOWLEDGE_URL"


def has_address() -> bool:
    """Whether any is set."""
    return bool(os.environ.get(URL, "").strip())


def store_url(kind: str, such_as: str) -> str:
    """The address. Raises `UserError` where it is not set, or is another kind of server's."""
    url = os.environ.get(URL, "").strip()
    schemes = {such_as.split("://")[0], "https" if such_as.startswith("http") else "postgres"}
    if url.split("://")[0] not in schemes or "://" not in url:
        seen = "is not set" if not url else "holds the address of another kind of server"
        raise UserError(f"the store {kind!r} needs {URL}, which {seen}: set it, such as {such_as}")
    return url
