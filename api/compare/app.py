"""Puts the comparison together: its page, GET /pairs, POST /choices and GET /clips/{id}."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import problems
from api.body_limit import with_form_read
from api.byte_ranges import clip_answer
from api.compare.blind import person_named
from api.compare.sitting import Sitting, View
from api.errors import InvalidForm
from api.exposure import ADDRESS
from api.same_origin import refuse_foreign
from api.web import page_file
from slora_assets import __version__
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Pressed
from slora_assets.validation.preferences.samples import SamplePair

router = APIRouter()

_WEB: Final = Path(__file__).parent / "web"
_FIELDS: Final = ("person", "pair", "pressed")
_MAX_BODY_BYTES: Final = 4096


def create_app(workspace: Workspace, pairs: Sequence[SamplePair]) -> FastAPI:
    """The comparison of `pairs`."""
    app = FastAPI(
        title="slora, blind comparison",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.sitting = Sitting(workspace, pairs)
    problems.install(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[ADDRESS, "localhost"])
    app.add_middleware(problems.RequestId)
    app.include_router(router)
    return app


@router.get("/")
def page() -> Response:
    """The page."""
    return page_file(_WEB / "page.html", "text/html")


@router.get("/page.js")
def script() -> Response:
    """Its script."""
    return page_file(_WEB / "page.js", "text/javascript")


@router.get("/page.css")
def style() -> Response:
    """Its style."""
    return page_file(_WEB / "page.css", "text/css")


@router.get("/pairs")
def pairs(request: Request, response: Response, person: str, position: int | None = None) -> View:
    """The pair at a position in this person's order, or the first that they haven't judged."""
    response.headers["Cache-Control"] = "no-store"
    return _sitting(request).view(_person(person), position)


@router.post("/choices")
async def choices(request: Request) -> View:
    """Keep a choice; answers with the next pair."""
    refuse_foreign(request.headers)
    form = await (await with_form_read(request, _MAX_BODY_BYTES)).form()
    person, pair, pressed = _read(form)
    return await run_in_threadpool(_chosen, _sitting(request), person, pair, pressed)


@router.head("/clips/{clip_id}", include_in_schema=False)
@router.get("/clips/{clip_id}")
def clip(clip_id: str, request: Request) -> Response:
    """A clip, whole or one byte range of it. No header depends on which of the two it is."""
    content = _sitting(request).clip(clip_id)
    headers = {"Cache-Control": "private, max-age=3600"}
    return clip_answer(content, request.method, request.headers.get("range"), headers)


def _sitting(request: Request) -> Sitting:
    sitting = request.app.state.sitting
    assert isinstance(sitting, Sitting)
    return sitting


def _chosen(sitting: Sitting, person: str, pair: str, pressed: Pressed) -> View:
    sitting.choose(person, pair, pressed)
    return sitting.view(person)


def _person(text: str) -> str:
    try:
        return person_named(text)
    except ValueError as error:
        raise InvalidForm({"person": str(error)}) from error


def _read(form: FormData) -> tuple[str, str, Pressed]:
    """The form's fields. Raises InvalidForm with all that is wrong with them."""
    wrong = {name: "unknown field" for name in form if name not in _FIELDS}
    found: dict[str, str] = {}
    for name in _FIELDS:
        values = [value for value in form.getlist(name) if isinstance(value, str)]
        if len(values) != 1:
            wrong[name] = "given more than once" if values else "missing or blank"
        else:
            found[name] = values[0]
    answers: tuple[Pressed, ...] = get_args(Pressed)
    pressed = next((answer for answer in answers if answer == found.get("pressed")), None)
    if pressed is None:
        wrong.setdefault("pressed", f"not one of {', '.join(answers)}")
    person = ""
    if "person" in found:
        try:
            person = person_named(found["person"])
        except ValueError as error:
            wrong["person"] = str(error)
    if wrong or pressed is None:
        raise InvalidForm(wrong)
    return person, found["pair"], pressed
