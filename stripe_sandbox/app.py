"""The HTTP side: routes, keys, request ids, error shapes and cut connections around the endpoints.

A Stripe request goes through: key → parameters → passage (``passage.py``) → answer, or a cut connection.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from stripe_sandbox.billing_api.routes import BILLING_ENDPOINTS
from stripe_sandbox.billing_controls import BILLING_CONTROLS
from stripe_sandbox.calls import Call, RequestSeen
from stripe_sandbox.control import CONTROLS, Asked, Control, require_own_name, require_own_page
from stripe_sandbox.cycle.due import execute_due
from stripe_sandbox.passage import Answer, ConnectionCut, answer_of, answered
from stripe_sandbox.permissions import permission_of, require
from stripe_sandbox.sandbox import Sandbox, StateFileError
from stripe_sandbox.stripe_api import ENDPOINTS, Endpoint
from stripe_sandbox.stripe_shapes import StripeError, parse, unauthorized, unknown_path, wrong_parameter

log = logging.getLogger(__name__)

FORM_TYPE = "application/x-www-form-urlencoded"
LARGEST_BODY = 1_000_000  # bytes; a meter request has a few hundred
LARGEST_CONTROL = 100_000_000  # bytes; months of usage at once
SECRET_KEY_PREFIXES = ("sk_", "rk_")  # secret and restricted keys: docs.stripe.com/keys
LIVE_MARK = "_live_"

_NO_KEY = (
    "You did not provide an API key. Send it as 'Authorization: Bearer sk_test_…'; "
    "the local Stripe sandbox takes any test key."
)
_UNREADABLE = "Invalid API Key provided. The local Stripe sandbox takes any key that starts with sk_ or rk_."
_LIVE = (
    "A live key was sent to the local Stripe sandbox, which refuses it: nothing is billed here, so a live "
    "key has no business here. Use any test key, such as sk_test_sandbox."
)

_TRANSPORT = "sandbox.transport"  # in the scope of a request
_LINGER_0 = struct.pack("ii", 1, 0)  # closing discards what is unsent and sends RST: socket(7), SO_LINGER

ServeRequest: TypeAlias = Callable[[Request], Awaitable[Response]]


def build_app(sandbox: Sandbox) -> Starlette:
    """The ASGI application that serves this sandbox."""
    endpoints = (*ENDPOINTS, *BILLING_ENDPOINTS)
    stripe = [Route(path, _stripe_route(sandbox, path, do), methods=[method]) for method, path, do in endpoints]
    search = Route("/v1/{objects}/search", _search, methods=["GET"])  # Stripe has it: no object is named search
    controls = (*CONTROLS, *BILLING_CONTROLS)
    own = [Route(path, _control_route(sandbox, do), methods=[method]) for method, path, do in controls]
    app = Starlette(
        routes=[search, *stripe, *own],
        exception_handlers={HTTPException: _no_such_path(sandbox), Exception: _our_fault},
    )
    app.router.redirect_slashes = False  # Stripe does not redirect
    return app


async def _search(_: Request) -> Response:
    raise HTTPException(404)


def _stripe_route(sandbox: Sandbox, template: str, endpoint: Endpoint) -> ServeRequest:
    async def serve(request: Request) -> Response:
        request_id = _new_request_id()
        key = request.headers.get("idempotency-key") or None
        seen = RequestSeen(request.method, request.url.path, {}, key, sandbox.clock.now())
        sandbox.traffic.seen.append(seen)
        try:
            require_own_name(request)
            lacking = _lacking(sandbox, _authenticated(request.headers.get("authorization")))
            require(permission_of(request.method, template, sandbox.settings), lacking)
            form = parse(await _read_form(request) if request.method == "POST" else request.url.query)
            seen.fields = form.fields
            call = Call(
                method=request.method,
                path=request.url.path,
                template=template,
                names=request.path_params,
                form=form,
                now=sandbox.clock.now(),
                request_id=request_id,
                key=key if request.method == "POST" else None,
                lacking=lacking,
            )
            answer = await answered(sandbox, endpoint, call, seen)
        except ConnectionCut as cut:
            return CutConnection(reset=cut.reset)
        except StripeError as refusal:
            answer = await _settled(
                sandbox, answer_of(refusal.status, refusal.body(seen.path), refusal.headers), seen.path
            )
        except StateFileError as error:
            answer = _cannot_write(error, seen.path)
        seen.status = answer.status
        return _response(answer, request_id)

    return serve


def _control_route(sandbox: Sandbox, do: Control) -> ServeRequest:
    async def serve(request: Request) -> Response:
        try:
            require_own_page(request)
            asked = Asked(request.query_params, await _read_body(request, LARGEST_CONTROL))
            execute_due(sandbox)
            answer = answer_of(200, do(sandbox, asked))
        except StripeError as refusal:
            answer = answer_of(refusal.status, refusal.body())
        return _response(await _settled(sandbox, answer, request.url.path), _new_request_id())

    return serve


async def _read_form(request: Request) -> str:
    body = await _read_body(request)
    content_type = request.headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
    if body and content_type != FORM_TYPE:
        raise wrong_parameter(f"Invalid request (check that your POST content type is {FORM_TYPE}).", None)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise wrong_parameter(f"Invalid request: the body is not UTF-8 ({error}).", None) from error


async def _read_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise StripeError(413, f"The request body is larger than {largest} bytes.")
    return bytes(body)


async def _settled(sandbox: Sandbox, answer: Answer, path: str) -> Answer:
    try:
        await sandbox.settled()
    except StateFileError as error:
        return _cannot_write(error, path)
    return answer


def _cannot_write(error: StateFileError, path: str) -> Answer:
    log.error("%s", error)
    return _api_error(str(error), path)


def _no_such_path(sandbox: Sandbox) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refuse(request: Request, _: Exception) -> Response:
        method, path, key = request.method, request.url.path, request.headers.get("idempotency-key")
        if not path.startswith("/_sandbox/"):
            sandbox.traffic.seen.append(RequestSeen(method, path, {}, key, sandbox.clock.now(), status=404))
        error = unknown_path(method, path)
        return _response(answer_of(error.status, error.body(path)), _new_request_id())

    return refuse


async def _our_fault(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its trace.
    return _response(_api_error(f"The sandbox itself failed: {error!r}", request.url.path), _new_request_id())


def _api_error(message: str, path: str) -> Answer:
    error = StripeError(500, message, type="api_error")
    return answer_of(error.status, error.body(path))


def _response(answer: Answer, request_id: str) -> Response:
    headers = {**answer.headers, "Request-Id": request_id}
    return Response(answer.body, answer.status, headers, media_type="application/json")


def _new_request_id() -> str:
    return f"req_{secrets.token_hex(7)}"


def _lacking(sandbox: Sandbox, key: str) -> frozenset[str]:
    """The permissions that this key lacks, as far as the settings restrict it."""
    return frozenset(sandbox.settings.key_may_not.get(key, ()))


def _authenticated(authorization: str | None) -> str:
    """The key in an ``Authorization`` header (Bearer, or Basic with the key as user).

    Raises ``StripeError`` (401). The key is looked at and forgotten: never logged, stored or repeated.
    """
    key = _key_in(authorization) if authorization else ""
    if not key:
        raise unauthorized(_NO_KEY)
    if not key.startswith(SECRET_KEY_PREFIXES):
        raise unauthorized(_UNREADABLE)
    if LIVE_MARK in key:
        raise unauthorized(_LIVE)
    return key


def _key_in(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except ValueError:  # not base64, or not text
        raise unauthorized(_UNREADABLE) from None  # the cause would repeat the credentials


class CuttableProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # chosen by uvicorn at run time
    """uvicorn's HTTP protocol, except that a request knows the connection it came on."""

    app: Callable[[Scope, Receive, Send], Awaitable[None]]

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Tell the requests of this connection its transport."""
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = app


class CutConnection(Response):
    """No answer: the connection ends, with a TCP RST if ``reset``, else with a plain close."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        """Close, and wait until the server has noticed: it would complain about an answer that never began."""
        transport: Any = scope[_TRANSPORT]
        if self._reset:
            _linger_0(transport.get_extra_info("socket"))
            transport.abort()
        else:
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def _linger_0(connection: Any) -> None:
    # Event loops hide setsockopt of the sockets they own; a second handle on the same socket has it.
    with socket.fromfd(connection.fileno(), connection.family, connection.type) as handle:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
