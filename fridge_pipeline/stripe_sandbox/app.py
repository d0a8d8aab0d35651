"""The HTTP side: routes, keys, request ids and error shapes around the endpoints.

A request goes through: key → parameters → idempotency → endpoint → journal → answer. Everything that may
later stand in its way (a rate limit, an injected fault) has its place in ``_stripe_route`` below.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from fridge_pipeline.stripe_sandbox import control
from fridge_pipeline.stripe_sandbox.errors import StripeError, unknown_path, wrong_parameter
from fridge_pipeline.stripe_sandbox.form import parse
from fridge_pipeline.stripe_sandbox.idempotency import Answer, answer_of, executed, executed_once
from fridge_pipeline.stripe_sandbox.journal import StateFileError
from fridge_pipeline.stripe_sandbox.keys import authenticate
from fridge_pipeline.stripe_sandbox.stripe_api import ENDPOINTS, Call

if TYPE_CHECKING:
    from starlette.requests import Request

    from fridge_pipeline.stripe_sandbox.sandbox import Sandbox
    from fridge_pipeline.stripe_sandbox.stripe_api import Endpoint

log = logging.getLogger(__name__)

FORM_TYPE = "application/x-www-form-urlencoded"
LARGEST_BODY = 1_000_000  # bytes; a meter request has a few hundred

ServeRequest: TypeAlias = Callable[["Request"], Awaitable[Response]]


def build_app(sandbox: Sandbox) -> Starlette:
    """The ASGI application that serves this sandbox."""
    stripe = [Route(path, _stripe_route(sandbox, do), methods=[method]) for method, path, do in ENDPOINTS]
    app = Starlette(
        routes=[*stripe, *_control_routes(sandbox)],
        exception_handlers={HTTPException: _no_such_path, Exception: _our_fault},
    )
    app.router.redirect_slashes = False  # Stripe does not redirect
    return app


def _stripe_route(sandbox: Sandbox, endpoint: Endpoint) -> ServeRequest:
    async def serve(request: Request) -> Response:
        request_id = _new_request_id()
        try:
            authenticate(request.headers.get("authorization"))
            call = await _read_call(sandbox, request)
            key = request.headers.get("idempotency-key")
            if key and call.method == "POST":
                answer = executed_once(sandbox, endpoint, call, key, request_id)
            else:
                answer = executed(sandbox, endpoint, call)
        except StripeError as refusal:
            answer = answer_of(refusal.status, refusal.body(), refusal.headers)
        return await _sent(sandbox, answer, request_id)

    return serve


def _control_routes(sandbox: Sandbox) -> list[Route]:
    async def health(_: Request) -> Response:
        return await _sent(sandbox, answer_of(200, control.health(sandbox)), _new_request_id())

    async def usage(request: Request) -> Response:
        try:
            answer = answer_of(200, control.usage(sandbox, request.query_params))
        except StripeError as refusal:
            answer = answer_of(refusal.status, refusal.body())
        return await _sent(sandbox, answer, _new_request_id())

    async def clock(request: Request) -> Response:
        try:
            answer = answer_of(200, control.set_clock(sandbox, await _read_body(request)))
        except StripeError as refusal:
            answer = answer_of(refusal.status, refusal.body())
        return await _sent(sandbox, answer, _new_request_id())

    async def reset(_: Request) -> Response:
        return await _sent(sandbox, answer_of(200, control.reset(sandbox)), _new_request_id())

    return [
        Route("/_sandbox/reset", reset, methods=["POST"]),
        Route("/_sandbox/health", health, methods=["GET"]),
        Route("/_sandbox/usage", usage, methods=["GET"]),
        Route("/_sandbox/clock", clock, methods=["POST"]),
    ]


async def _read_call(sandbox: Sandbox, request: Request) -> Call:
    if request.method == "POST":
        encoded = await _read_form(request)
    else:
        encoded = request.url.query
    return Call(request.method, request.url.path, request.path_params, parse(encoded), sandbox.clock.now())


async def _read_form(request: Request) -> str:
    body = await _read_body(request)
    content_type = request.headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
    if body and content_type != FORM_TYPE:
        raise wrong_parameter(f"Invalid request (check that your POST content type is {FORM_TYPE}).", None)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise wrong_parameter(f"Invalid request: the body is not UTF-8 ({error}).", None) from error


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise StripeError(413, f"The request body is larger than {LARGEST_BODY} bytes.")
    return bytes(body)


async def _sent(sandbox: Sandbox, answer: Answer, request_id: str) -> Response:
    try:
        await sandbox.settled()
    except StateFileError as error:
        log.error("%s", error)  # noqa: TRY400 - the same sentence for every request; the trace adds nothing
        answer = _api_error(str(error))
    return _response(answer, request_id)


async def _no_such_path(request: Request, _: Exception) -> Response:
    error = unknown_path(request.method, request.url.path)
    return _response(answer_of(error.status, error.body()), _new_request_id())


async def _our_fault(_: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its trace.
    return _response(_api_error(f"The sandbox itself failed: {error!r}"), _new_request_id())


def _api_error(message: str) -> Answer:
    error = StripeError(500, message, type="api_error")
    return answer_of(error.status, error.body())


def _response(answer: Answer, request_id: str) -> Response:
    headers = {**answer.headers, "Request-Id": request_id}
    return Response(answer.body, answer.status, headers, media_type="application/json")


def _new_request_id() -> str:
    return f"req_{secrets.token_hex(7)}"
