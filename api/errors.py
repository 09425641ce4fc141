"""What the service refuses. Each exception carries its status; `problems` makes the responses.

Messages go to clients: they name fields, scenarios and remedies, never a path of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """Base: `slug` and `title` name the kind of problem, the message is this occurrence."""

    status = 500
    slug = "internal"
    title = "The server failed"

    def __init__(
        self,
        detail: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = dict(fields or {})
        """Form field -> what is wrong with it."""
        self.headers = dict(headers or {})


class InvalidForm(ApiError):
    """A field is missing, unknown or out of its range."""

    status = 422
    slug = "invalid-form"
    title = "The form can't be accepted"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{k}: {v}." for k, v in fields.items()), fields=fields)


class NotServable(ApiError):
    """The scenario exists, but no adapter of it may be served now."""

    status = 409
    slug = "not-servable"
    title = "No adapter may be served for this scenario"


class GateRefuses(ApiError):
    """The adapter's bytes, or its verdict, are not what may be served."""

    status = 409
    slug = "refused"
    title = "The gate refuses this"


class Tainted(NotServable):
    """The scenario's adapter has seen footage that was taken down."""

    slug = "taken-down-footage"
    title = "The adapter has seen footage that was taken down"


class QueueFull(ApiError):
    """Too many requests wait already."""

    status = 429
    slug = "queue-full"
    title = "Too many requests are waiting"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"The queue is full; try again in {retry_after_s} s.",
            headers={"Retry-After": str(retry_after_s)},
        )


class MissingKey(ApiError):
    """No key was shown, or none that is valid."""

    status = 401
    slug = "no-key"
    title = "A key is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="slora"'})


class ScopeMissing(ApiError):
    """The key is not good for what was asked."""

    status = 403
    slug = "scope"
    title = "The key doesn't allow this"


class TooManyRequests(ApiError):
    """A key has sent as many requests as it may, or has as many unfinished jobs."""

    status = 429
    slug = "too-many"
    title = "The key is used too much"

    def __init__(self, why: str, retry_after_s: int) -> None:
        super().__init__(
            f"{why} Try again in {retry_after_s} s.", headers={"Retry-After": str(retry_after_s)}
        )


class TooCostly(ApiError):
    """The clip would take more than the presets' limits allow, by its size and steps."""

    status = 422
    slug = "too-costly"
    title = "The request costs too much"


class OutOfMemory(ApiError):
    """There is not enough memory for a clip, by the estimate before it or by what happened."""

    status = 503
    slug = "out-of-memory"
    title = "There is not enough memory"

    def __init__(self, needed: int, available: int | None = None) -> None:
        have = "" if available is None else f", and has {available / 2**30:.1f} GB"
        super().__init__(
            f"A clip of this base takes about {needed / 2**30:.1f} GB of memory{have}: there was"
            " not enough. Remedy: stop what else uses the memory, or serve a smaller base, and send"
            " it again."
        )


class NoRoom(ApiError):
    """The service's disk has no room left for what is to be written."""

    status = 507
    slug = "no-room"
    title = "The service's disk is full"


class GenerationTimeout(ApiError):
    """The clip took longer than the presets' limits allow."""

    status = 504
    slug = "timeout"
    title = "The clip took too long"


class AcceleratorBusy(ApiError):
    """Another process of the workspace, a training maybe, has used the accelerator all the time."""

    status = 503
    slug = "accelerator-busy"
    title = "Something else uses the accelerator"


class JobNotFound(ApiError):
    """No such job."""

    status = 404
    slug = "not-found"
    title = "There is no such job"


class IdempotencyConflict(ApiError):
    """The same key came with another request before."""

    status = 409
    slug = "idempotency-conflict"
    title = "The key belongs to another request"


class Unfinished(ApiError):
    """What is asked for isn't there yet, or never will be."""

    status = 409
    slug = "not-finished"
    title = "The job has no clip"


class Cancelled(ApiError):
    """Somebody cancelled the job."""

    status = 409
    slug = "cancelled"
    title = "The job was cancelled"


class ArtifactNotFound(ApiError):
    """No such artifact, or none that is what its sidecar says."""

    status = 404
    slug = "not-found"
    title = "There is no such artifact"


class ArtifactGone(ArtifactNotFound):
    """The clip was published here and is erased since: too old, one too many, or unwanted."""

    status = 410
    slug = "gone"
    title = "The artifact is erased"


class NoLineage(ApiError):
    """Nothing of this name is known to have been made from anything."""

    status = 404
    slug = "not-found"
    title = "No lineage of this is known"


class NothingToShow(ApiError):
    """No picture or page of this name may be shown."""

    status = 404
    slug = "not-found"
    title = "There is nothing to show"


class RangeUnsatisfiable(ApiError):
    """The asked bytes lie outside the artifact."""

    status = 416
    slug = "range"
    title = "The asked range lies outside the artifact"


class ForeignOrigin(ApiError):
    """A page of another site sent the form, or asked for what is for pages of this one."""

    status = 403
    slug = "foreign-origin"
    title = "Only pages of this service may do this"


class BodyTooLarge(ApiError):
    """The request's body is beyond the limit."""

    status = 413
    slug = "too-large"
    title = "The request is too large"


class BodyTooSlow(ApiError):
    """The request's body didn't arrive in time."""

    status = 408
    slug = "too-slow"
    title = "The request took too long to arrive"


class BodyCutOff(ApiError):
    """The client hung up before all of the request's body was there."""

    status = 400
    slug = "cut-off"
    title = "The request ended early"


class BrokenForm(ApiError):
    """The body is no form that can be read, or holds files."""

    status = 400
    slug = "broken-form"
    title = "The form can't be read"


class WrongMediaType(ApiError):
    """The body is of a kind that isn't taken here."""

    status = 415
    slug = "no-form"
    title = "The request's body is of another kind"


class NotReady(ApiError):
    """The service can't generate now."""

    status = 503
    slug = "not-ready"
    title = "The service is not ready"
