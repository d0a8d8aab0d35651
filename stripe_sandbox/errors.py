"""The one error of the sandbox, in Stripe's shape, and the sentences in which Stripe says it.

    StripeError ── 400 the parameters are wrong      (not kept under an idempotency key)
                ── 400 / 404 the request was refused (kept and replayed under its idempotency key)
                ── 401 the key is missing, unreadable or a live one

The texts marked "seen" are the ones real accounts report; the others follow Stripe's manner.
"""

from __future__ import annotations

from dataclasses import dataclass, field

INVALID_REQUEST = "invalid_request_error"
IDEMPOTENCY = "idempotency_error"


@dataclass
class StripeError(Exception):
    """An answer other than 200; everything that goes on the wire is in it.

    ``kept`` says whether execution had begun, so that the same ``Idempotency-Key`` gets the same refusal
    again (Stripe: docs.stripe.com/api/idempotent_requests; wrong parameters are not kept).
    """

    status: int
    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None
    kept: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.type}: {self.message}"

    def body(self, path: str = "") -> dict[str, object]:
        """The error object of the API that ``path`` belongs to; absent fields are left out, as Stripe does.

        Errors of the v2 API always have a code and name no parameter.
        """
        if path.startswith("/v2/"):
            return {"error": {"code": self.code or self.type, "message": self.message, "type": self.type}}
        named = {"code": self.code, "message": self.message, "param": self.param, "type": self.type}
        return {"error": {name: value for name, value in named.items() if value is not None}}


def wrong_parameter(message: str, param: str | None, code: str | None = None) -> StripeError:
    """400 for a parameter that is missing, unknown or unreadable; nothing was executed."""
    return StripeError(400, message, code=code, param=param)


def refused(message: str, param: str | None = None) -> StripeError:
    """400 for a readable request that may not be carried out."""
    return StripeError(400, message, param=param, kept=True)


def no_such(thing: str, identity: str, param: str, status: int = 404) -> StripeError:
    """The object that the request names does not exist."""
    text = f"No such {thing}: '{identity}'"
    return StripeError(status, text, code="resource_missing", param=param, kept=True)


def already_exists(identifier: str) -> StripeError:
    """The duplicate of a meter event: no ``code``, and the SDK is told not to retry (seen)."""
    text = f"An event already exists with identifier {identifier}."
    return StripeError(400, text, kept=True, headers={"stripe-should-retry": "false"})


def unauthorized(message: str) -> StripeError:
    """401: no usable key. The key itself never stands in the message."""
    return StripeError(401, message)


def unknown_path(method: str, path: str) -> StripeError:
    """404 for a path (or a method on it) that the sandbox does not have."""
    text = f"Unrecognized request URL ({method}: {path}). The local Stripe sandbox models billing meters only."
    return StripeError(404, text)


def rate_limited(reason: str) -> StripeError:
    """429 of the rate limiter: it names its reason, and the SDK does not retry it on its own."""
    text = "Request rate limit exceeded. Learn more about rate limits at https://docs.stripe.com/rate-limits."
    return StripeError(429, text, code="rate_limit", headers={"Stripe-Rate-Limited-Reason": reason})


def lock_timeout(status: int = 429) -> StripeError:
    """Another call is at work on the same object; no reason header, and the SDK is told to retry.

    Stripe allows one call at a time per customer and meter: docs.stripe.com/rate-limits.
    """
    text = (
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it. Meter events take one concurrent call per customer and meter: send them one by one."
    )
    return StripeError(status, text, code="lock_timeout", headers={"stripe-should-retry": "true"})


def key_in_use(key: str | None) -> StripeError:
    """409: the first call under this idempotency key is still at work."""
    text = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key or 'none'}. Please try again later."
    )
    return StripeError(409, text, code="idempotency_key_in_use", headers={"stripe-should-retry": "true"})


def out_of_order(status: int, *, kept: bool) -> StripeError:
    """500 or 503: Stripe itself failed; a kept one comes again under its idempotency key."""
    return StripeError(status, "An unknown error occurred on our side.", type="api_error", kept=kept)
