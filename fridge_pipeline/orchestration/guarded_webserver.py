"""Dagster's webserver behind a guard: ``python -m fridge_pipeline.orchestration.guarded_webserver``.

Dagster's own looks at neither the host nor the page that a request comes from (dagster-webserver 1.13: its GET
``/graphql`` runs mutations too), so any web page that somebody opens on this machine could launch runs. And it knows
nobody: what it launches carries whom the proxy before it names. Options are those of ``dagster-webserver``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dagster_webserver import cli
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from fridge_pipeline.orchestration.attribution import attribute_launches
from fridge_pipeline.orchestration.own_pages import OwnNames, header_map, refused

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: No page of somebody else shows ours inside its own and lets people click in it.
FRAME_HEADERS = {"X-Frame-Options": "SAMEORIGIN"}

#: How a WebSocket is refused before it is accepted: the server then answers 403.
REFUSE_WEBSOCKET = {"type": "websocket.close", "code": 1008}


class RequestGuard:
    """ASGI middleware that answers what ``own_pages.refused`` refuses, and passes on everything else."""

    def __init__(self, app: ASGIApp, names: OwnNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        is_websocket = scope["type"] == "websocket"
        method = scope.get("method", "GET")
        headers = header_map(Headers(scope=scope).items())
        refusal = refused(method, scope["path"], headers, self._names, is_websocket=is_websocket)
        if refusal is None:
            await self._app(scope, receive, send if is_websocket else _unframed(send))
        elif is_websocket:
            await receive()
            await send(REFUSE_WEBSOCKET)
        else:
            await PlainTextResponse(f"{refusal.text}\n", refusal.status)(scope, receive, send)


def _unframed(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(FRAME_HEADERS)
        await send(message)

    return with_headers


def main(arguments: list[str], environ: Mapping[str, str]) -> None:
    """Serves Dagster's UI to requests of our own until it is ended."""
    names = OwnNames.of(_listens_on(arguments), environ.get("FRIDGE_UI_URL"))
    build = cli.create_app_from_workspace_process_context  # type: ignore[attr-defined] # imported there

    def build_guarded(*args: Any, **kwargs: Any) -> Starlette:  # whatever Dagster hands on
        app = build(*args, **kwargs)
        app.add_middleware(RequestGuard, names=names)
        return app

    attribute_launches(environ.get("FRIDGE_UI_USER_HEADER") or None)
    # The command's only place where the application can be reached before it is served.
    cli.create_app_from_workspace_process_context = build_guarded  # type: ignore[attr-defined]
    cli.main()  # type: ignore[no-untyped-call]


def _listens_on(arguments: list[str]) -> str:
    """What stands behind ``--host`` or ``-h``."""
    return next((value for name, value in pairwise(arguments) if name in {"--host", "-h"}), "")


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
