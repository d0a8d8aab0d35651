"""An object store, opened by its URI, and its refusals as one line for a person.

::

    StoreUriError      the configuration: a URI that names no place, or more than one
    StoreRefusedError  the world, within this package: what the store said, without what it was about
    ArchiveError       the world, for people: which object, what the store said, and what to do

What a store answers may repeat a request with its access key, so nothing of it goes on but its status and its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fridge_pipeline.ingest.rules.location import OBJECT_SCHEMES

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore


class StoreUriError(ValueError):
    """A URI cannot be what is meant; the message says why, and never what is secret in it."""


class StoreRefusedError(RuntimeError):
    """A store did not do what it was asked. ``code`` names it in a word, ``reason`` in a line, ``advice`` what to do.

    ``key`` is the object, or the folder, whose name its client does not take for a path, where that is why. Never
    leaves this package: whoever asked says what it was about.
    """

    def __init__(self, code: str, reason: str, advice: str, key: str | None = None) -> None:
        super().__init__(f"{reason}; {advice}")
        self.code = code
        self.reason = reason
        self.advice = advice
        self.key = key


class ArchiveError(RuntimeError):
    """A file could not be put into an object store, or fetched from it."""


#: A store that does not answer is asked again so often, within so long; then the sensor's tick, or the run, says so.
_RETRIES_MAX = 3
_RETRY_TIME = timedelta(seconds=20)
_CONNECT_TIME = timedelta(seconds=5)
ANSWER_TIME = timedelta(seconds=60)

#: So much of a name that is in the way is shown; S3 has names of 1,024 bytes.
NAME_CHARACTERS_MAX = 300

#: What the landing zone does at a store.
READING = "list the bucket and get its objects"

_STATUS = re.compile(r"status code: (\d{3}[ A-Za-z]*)")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_METADATA_SERVICE = re.compile(r"169\.254\.\d+\.\d+|metadata\.google|computeMetadata|/latest/api/token")
_INVALID_KEY = re.compile(r'Path "(?P<key>.*?)"(?: contained|: Encountered illegal)', re.DOTALL)

#: What the client raises where it does not expect to fail, as with an endpoint that is no URL; no exception to it.
_PANIC = "PanicException"

_CHECK_ENDPOINT = "check that AWS_ENDPOINT_URL is an address such as https://s3.example.com, and run again"
CHECK_NETWORK = "check AWS_ENDPOINT_URL and the network, and run again"
_CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your store calls them"


def refuse_credentials(uri: str) -> None:
    """Raises ``StoreUriError`` when a URI carries more than a place: it is shown in the UI, in logs and errors."""
    parts = urlsplit(uri)
    is_account = parts.scheme.startswith("abfs")  # abfs://CONTAINER@ACCOUNT... is a place
    if not is_account and set(parts.netloc) & set(":@"):  # a secret may hold a slash, behind which the path begins
        place = f"{parts.scheme}://{uri.rpartition('@')[2] if '@' in uri else 'BUCKET/PREFIX'}"
        raise StoreUriError(f"the URI carries credentials; say {place}, and set {_CREDENTIALS}, in the environment")
    if parts.scheme in OBJECT_SCHEMES and (parts.query or parts.fragment):
        place = f"{parts.scheme}://{parts.netloc}{parts.path}"
        raise StoreUriError(f"a store's URI ends with its path; say {place}, and set the rest in the environment")


def open_store(uri: str, answer_time: timedelta = ANSWER_TIME) -> ObjectStore:
    """The store below a URI's path, with the credentials and the endpoint that the environment names; calls nobody.

    A request, with all that it carries, takes ``answer_time`` at most.

    Raises ``StoreUriError``.
    """
    # Not before an object store is there: a local landing zone needs nothing of it.
    from obstore.exceptions import BaseError  # noqa: PLC0415
    from obstore.store import from_url  # noqa: PLC0415

    refuse_credentials(uri)
    parts = urlsplit(uri)
    if not parts.netloc:
        raise StoreUriError(f"{uri} names no bucket; say {parts.scheme}://BUCKET/PREFIX")
    try:
        return from_url(
            uri,
            # A plain endpoint is only ever asked where AWS_ENDPOINT_URL names one: stores in one's own network.
            client_options={"allow_http": True, "connect_timeout": _CONNECT_TIME, "timeout": answer_time},
            retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": _RETRY_TIME},
        )
    except (BaseError, ValueError) as error:
        kind = type(error).__name__
    raise StoreUriError(
        f"{uri} cannot be opened ({kind}); check its spelling and the variables of your store in the environment"
    )


@contextmanager
def refusals(rights: str = READING) -> Iterator[None]:
    """Turns what the store's client raises into ``StoreRefusedError``; a missing object stays ``FileNotFoundError``.

    ``rights`` says what the credentials must be allowed to do.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise _refusal(error, rights) from None
        raise FileNotFoundError("no such object") from None
    except (BaseError, OSError) as error:
        raise _refusal(error, rights) from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise StoreRefusedError("Panic", "the store's client gave up", _CHECK_ENDPOINT) from None


def objects_below(store: ObjectStore, prefix: str | None, page_objects: int) -> Iterator[ObjectMeta]:
    """All objects below a prefix, a request for each page. Raises ``StoreRefusedError``.

    A store that loses its place in a listing would be listed for ever: no page begins as one before it did.
    """
    begun: set[str] = set()
    with refusals():
        for page in store.list(prefix, chunk_size=page_objects):
            if page and page[0]["path"] in begun:
                raise StoreRefusedError("Repeats", "the store lists the same objects again", CHECK_NETWORK)
            begun.update(meta["path"] for meta in page[:1])
            yield from page


def _refusal(error: Exception, rights: str) -> StoreRefusedError:
    text = str(error)
    for refusal in (_invalid_key(text), _no_credentials(text), _answered(text, rights), _silent(text)):
        if refusal is not None:
            return refusal
    kind = type(error).__name__
    return StoreRefusedError(kind, f"the store's client failed ({kind})", "check its URI and run again")


def _invalid_key(text: str) -> StoreRefusedError | None:
    found = _INVALID_KEY.search(text)
    if found is None:
        return None
    return no_path(found["key"])


def no_path(key: str) -> StoreRefusedError:
    """That an object has a name with an empty part, a full stop or a control character, which its client gives not."""
    reason = f"the object {key[:NAME_CHARACTERS_MAX]!r} has a name that is not a path"
    return StoreRefusedError("InvalidPath", reason, "rename or remove it, and run again", key)


def _no_credentials(text: str) -> StoreRefusedError | None:
    if not _METADATA_SERVICE.search(text):
        return None
    return StoreRefusedError(
        "NoCredentials", "no credentials are given, and this machine has no role", f"set {_CREDENTIALS}"
    )


def _answered(text: str, rights: str) -> StoreRefusedError | None:
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is None:
        return None
    told = f"{status[1].strip()}, {code[1]}" if code else status[1].strip()
    word = code[1] if code else status[1][:3]
    if word == "NoSuchBucket":
        return StoreRefusedError(word, f"there is no such bucket ({told})", "make it, or correct the URI")
    if status[1].startswith(("401", "403")):
        advice = f"let the credentials ({_CREDENTIALS}) {rights}, and run again"
        return StoreRefusedError(word, f"access denied ({told})", advice)
    return StoreRefusedError(word, f"the store answers {told}", "check AWS_ENDPOINT_URL and AWS_REGION, and run again")


def _silent(text: str) -> StoreRefusedError | None:
    if "HTTP error" not in text and "error sending request" not in text:
        return None
    return StoreRefusedError("Unreachable", "the store does not answer", CHECK_NETWORK)
