"""Who may ask the local server: this machine under its own name, with the token."""

import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; worker-src blob: 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_OUR_NAMES = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_OTHER_NAME = (
    "This server answers under 127.0.0.1 and localhost only: open the address that 'surfeit view' "
    "printed.\n"
)
NO_TOKEN = (
    "the token is missing or belongs to another server: open the whole address that 'surfeit view' "
    "printed, with ?token=..."
)


class Guard:
    """Refuses requests under a foreign name, and sends the headers of security with every answer.

    A page of another site can make its name lead here (DNS rebinding), but then the browser says
    that name in the header Host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        ours = is_our_name(Headers(scope=scope).get("host", ""))
        app = self._app if ours else PlainTextResponse(_OTHER_NAME, status_code=403)
        await app(scope, receive, send_guarded)


class TokenNeeded:
    """Refuses requests without the token, in JSON."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        known = scope["type"] == "http" and has_token(Request(scope), self._token)
        app = self._app if known else JSONResponse({"error": NO_TOKEN}, status_code=403)
        await app(scope, receive, send)


def is_our_name(host: str) -> bool:
    """Whether a Host header names this machine's loopback, with any port or none.

    >>> [is_our_name(host) for host in ("localhost:80", "[::1]", "localhost.evil.org", "::1")]
    [True, True, False, False]
    """
    return _OUR_NAMES.fullmatch(host) is not None


def has_token(request: Request, token: str) -> bool:
    """Whether a request carries the token, as a bearer or in the address."""
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    given = bearer.strip() if kind.lower() == "bearer" else request.query_params.get("token", "")
    return same(given, token)


def same(given: str, secret: str) -> bool:
    """Whether a secret was guessed; takes as long for a near guess as for a far one."""
    return secrets.compare_digest(given.encode(), secret.encode())
