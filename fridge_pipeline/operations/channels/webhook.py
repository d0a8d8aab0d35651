"""The webhook: one POST of ``{"text": …}``, which Slack, Mattermost, Rocket.Chat and others take."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from fridge_pipeline.operations.channels.channel import ANSWER_SECONDS, CONNECT_SECONDS, AlertNotSentError

#: What would be markup in Slack (docs.slack.dev, "Formatting message text"): a tenant's id must not call a channel.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to an address that is itself the secret: whoever knows it may write there."""

    url: str = field(repr=False)
    name: str = field(default="webhook", init=False)

    @property
    def place(self) -> str:
        """Its host."""
        parts = urlsplit(self.url)
        return f"the webhook at {parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, subject: str, text: str, now: datetime) -> None:  # noqa: ARG002 # whoever takes it has a clock
        """Posts one message; no redirect is followed. Raises ``AlertNotSentError``."""
        # Most ticks send nothing, and most installations have no webhook.
        import requests  # noqa: PLC0415

        try:
            answer = requests.post(
                self.url,
                json={"text": f"{subject}\n\n{text}".translate(_ESCAPES)},
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            # Not its text, which has the whole address in it.
            raise AlertNotSentError(f"{self.place} was not reached: {type(error).__name__}") from None
        if not HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            raise AlertNotSentError(f"{self.place} answered {answer.status_code} {answer.reason}")
