"""Google's credentials and addresses, for models and tuning on Vertex AI.

Vertex takes no lasting key: `google-auth` finds Application Default Credentials (a service
account's file, `gcloud auth application-default login`, the machine's own account) and turns them
into tokens that live for an hour.
"""

import os
import re
from functools import lru_cache
from typing import Any

from rung.errors import MissingExtraError, ProviderError, UserError

KEY_ENV = "GOOGLE_APPLICATION_CREDENTIALS"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_TIMEOUT_S = 10.0
_ENDPOINT = re.compile(r"projects/[^/]+/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")


def project_and_location() -> tuple[str, str]:
    """From the environment, by the names that Google's own clients read."""
    project = os.environ.get("GOOGLE_CLOUD_PROJECT", "").strip()
    if not project:
        raise UserError("vertex/ models need a project: set GOOGLE_CLOUD_PROJECT (its id)")
    return project, os.environ.get("GOOGLE_CLOUD_LOCATION", "").strip() or "us-central1"


def vertex_host(location: str) -> str:
    """Where a location's API is; `GOOGLE_VERTEX_BASE_URL` overrides it."""
    given = os.environ.get("GOOGLE_VERTEX_BASE_URL", "").rstrip("/")
    prefix = "" if location == "global" else f"{location}-"
    return given or f"https://{prefix}aiplatform.googleapis.com"


def vertex_chat(name: str) -> tuple[str, str]:
    """Base URL and model of Vertex's OpenAI-compatible API, for what stands after `vertex/`.

    A Gemini model such as `gemini-2.5-flash`, or the endpoint of a tuned one,
    `projects/P/locations/L/endpoints/E`.
    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview
    """
    tuned = _ENDPOINT.fullmatch(name)
    if tuned is not None:
        return f"{vertex_host(tuned['location'])}/v1/{name}", tuned["id"]
    project, location = project_and_location()
    place = f"projects/{project}/locations/{location}/endpoints/openapi"
    return f"{vertex_host(location)}/v1/{place}", f"google/{name}"


def google_token(place: str) -> str:
    """A token that is valid now. Fetching one (once an hour) blocks for a moment.

    Raises `ProviderError` where there are no credentials, or Google does not take them.
    """
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError as error:
        raise MissingExtraError("vertex/ models", "vertex") from error
    try:
        credentials = _credentials()
        if not credentials.valid:
            credentials.refresh(_Patient(Request()))
    except (GoogleAuthError, OSError, ValueError) as error:
        _credentials.cache_clear()
        raise ProviderError(
            f"{place} needs Google's credentials ({type(error).__name__}): run `gcloud auth "
            f"application-default login`, or name a service account's file in {KEY_ENV}",
            outage=True,
        ) from None
    return str(credentials.token)


class _Patient:
    """Google's transport waits two minutes by itself."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask

    def __call__(self, *args: Any, **kw: Any) -> Any:
        return self._ask(*args, **{**kw, "timeout": TOKEN_TIMEOUT_S})


@lru_cache(maxsize=1)
def _credentials() -> Any:
    import google.auth

    credentials, _ = google.auth.default(scopes=[SCOPE])
    return credentials
