"""What the local page asks for: the page, its module, and pictures for those who know the token.

No path from an address touches the disk: names are looked up in the library, and the few files of
the page have fixed names.
"""

import gzip
import hashlib
import json
import re
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Mount, Route

from surfeit.core import StoreError, SurfeitError, lacks_memory
from surfeit.viewer import assets
from surfeit.viewer.frames.query import Query
from surfeit.viewer.serving.guard import NO_TOKEN, Guard, TokenNeeded, has_token, same
from surfeit.viewer.serving.turns import GoneError, Turns
from surfeit.viewer.timelines.library import UnknownTimelineError

if TYPE_CHECKING:
    from surfeit.viewer.frames.pictures import Pictures

Work = Callable[[Request], Response]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,199}")
_OURS = "something is wrong in Surfeit itself: the terminal of 'surfeit view' says what"
_NO_MEMORY = "there is not enough memory for this picture: close other programs and try again"
_GONE = 499  # nobody reads it; the number that other servers note for a closed connection


def application(pictures: "Pictures", token: str, *, once: str | None = None) -> Starlette:
    """The local server's application (ASGI).

    The page is at `/?token=...`, and takes the token out of the address: it is at `/view` then,
    where it knows nothing by itself. Pictures lie under `/api`, with the token as a bearer or in
    the address. Errors are JSON, `{"error": sentence}`: 400 for what cannot be asked, 403 without
    the token, 404 for what is not there, 409 for a run that cannot give it, 500 for our own faults.

    Args:
        pictures: computes or recalls what is shown, of the runs in its library and of no others.
        token: the secret in the address.
        once: another secret: `/open/ONCE` leads to the page, the first time that it is asked for.
    """
    unused = set() if once is None else {once}

    def page(request: Request) -> Response:
        if not has_token(request, token):
            return PlainTextResponse(f"Surfeit: {NO_TOKEN}.\n", status_code=403)
        return HTMLResponse(assets.page())

    def without_token(request: Request) -> Response:
        return HTMLResponse(assets.page())

    async def opened(request: Request) -> Response:  # one at a time
        given = request.path_params["once"]
        if request.method != "GET" or not any(same(given, secret) for secret in unused):
            return PlainTextResponse(f"Surfeit: {NO_TOKEN}.\n", status_code=403)
        unused.remove(given)
        return RedirectResponse(f"/?token={token}", status_code=303)

    routes = [
        Route("/", page),
        Route("/view", without_token),
        Route("/open/{once}", opened),
        *(_public(path, kind, read) for path, kind, read in _FILES),
        Mount(
            "/api",
            routes=_api(pictures),
            middleware=[Middleware(TokenNeeded, token=token)],
        ),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _refused},
    )


_FILES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("/viewer.js", "text/javascript", assets.viewer_script),
    ("/page.css", "text/css", assets.page_style),
    ("/NOTICES.txt", "text/plain", assets.notices),
)


def _public(path: str, kind: str, read: Callable[[], str]) -> Route:
    def answer(request: Request) -> Response:
        try:
            return Response(read(), media_type=kind)
        except assets.BuildError as error:
            return PlainTextResponse(f"{error}\n", status_code=404)

    return Route(path, answer)


def _api(pictures: "Pictures") -> list[BaseRoute]:
    def catalog(request: Request) -> Response:
        return _compressed(request, pictures.catalog())

    def timeline(request: Request) -> Response:
        load = "quick" not in request.query_params
        return _compressed(request, pictures.timeline(_timeline(request), load=load))

    def learning(request: Request) -> Response:
        return _packed(pictures.learning(_timeline(request)))

    def examples(request: Request) -> Response:
        return _packed(pictures.examples(_timeline(request)))

    def trial(request: Request) -> Response:
        query, units = query_of(request), request.query_params.get("units")
        if not units:
            raise ValueError("units is missing: the address says units=3,17-20")
        return _compressed(request, pictures.trial(query, units))

    def pictured(request: Request) -> Response:
        return _compressed(request, pictures.pictured(query_of(request)))

    def picture(draw: Callable[[Query], bytes]) -> Work:
        return lambda request: _packed(draw(query_of(request)))

    works: dict[str, Work] = {
        "/catalog": catalog,
        "/timelines/{id}": timeline,
        "/timelines/{id}/learning": learning,
        "/timelines/{id}/graph": picture(pictures.graph),
        "/timelines/{id}/matrix": picture(pictures.matrix),
        "/timelines/{id}/course": picture(pictures.course),
        "/timelines/{id}/plane": picture(pictures.plane),
        "/timelines/{id}/scales": picture(pictures.scales),
        "/timelines/{id}/spectrum": picture(pictures.spectrum),
        "/timelines/{id}/weights": picture(pictures.weight_pictures),
    }
    # What runs the network on data takes seconds to a minute: a page that opens does not wait.
    measured: dict[str, Work] = {
        "/timelines/{id}/removal": picture(pictures.removal),
        "/timelines/{id}/activity": picture(pictures.activity),
        "/timelines/{id}/examples": examples,
        "/timelines/{id}/pictured": pictured,
        "/timelines/{id}/trial": trial,
    }
    # Maps take up to a minute: one after another, beside the turns of all else.
    maps: dict[str, Work] = {
        "/timelines/{id}/tsne": picture(lambda query: pictures.map(query, "tsne")),
        "/timelines/{id}/umap": picture(lambda query: pictures.map(query, "umap")),
    }
    return [
        Route(path, _answering(work, turns))
        for kind, turns in ((works, Turns()), (measured, Turns()), (maps, Turns(1)))
        for path, work in kind.items()
    ]


def _answering(work: Work, turns: Turns) -> Callable[[Request], Any]:
    """The endpoint that does the work in its turn and turns errors into sentences."""

    async def answer(request: Request) -> Response:
        try:
            return await turns.take(request, lambda: work(request))
        except GoneError:
            return Response(status_code=_GONE)
        except Exception as error:
            return _sentence(error)

    return answer


def query_of(request: Request) -> Query:
    """The picture that an address asks for.

    Raises:
        ValueError: if something is missing or is not of its kind.
    """
    given = request.query_params
    layer, at, merged = given.get("layer"), given.get("at"), given.get("merged")
    if layer is None:
        raise ValueError("layer is missing: the address says layer=NAME")
    if at and not re.fullmatch("[0-9]{1,15}", at):
        raise ValueError(f"at must be a step or a level, a whole number, got {at[:80]!r}")
    source: Any = given.get("source", "weights")  # the query checks it
    return Query(
        timeline=_timeline(request),
        layer=layer[:1000],
        source=source[:80],
        at=int(at) if at else None,
        merged=_name_of(merged) if merged else None,
    )


def _timeline(request: Request) -> str:
    return _name_of(request.path_params["id"])


def _name_of(name: str) -> str:
    """The name, if it can be one of a timeline: no path is."""
    if not _NAME.fullmatch(name):
        raise UnknownTimelineError(f"no run {name[:80]!r} here: names are letters, digits, dashes")
    return name


def _compressed(request: Request, value: Any) -> Response:
    """JSON, compressed for who takes that; nothing for who has these very values already."""
    content = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = gzip.compress(content, 6, mtime=0), "gzip"
    return Response(content, media_type="application/json", headers=headers)


def _packed(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


def _sentence(error: Exception) -> Response:
    match error:
        case UnknownTimelineError():
            status = 404
        case ValueError():
            status = 400
        case StoreError():
            status = 409
        case SurfeitError() | OSError():
            status = 500
        case _ if lacks_memory(error):
            return JSONResponse({"error": _NO_MEMORY}, status_code=500)
        case _:
            traceback.print_exception(error, file=sys.stderr)
            return JSONResponse({"error": _OURS}, status_code=500)
    return JSONResponse({"error": str(error)}, status_code=status)


def _refused(request: Request, error: Exception) -> Response:
    """Addresses and methods that there are not."""
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": f"{request.method} {request.url.path[:80]}: {error.detail.lower()}"},
        status_code=error.status_code,
        headers=error.headers,
    )
