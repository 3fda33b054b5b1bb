"""Figures over HTTP: asked, explained, and proven. An officer sees its own establishment's figures and no other's."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field, create_model
from starlette.requests import Request as HttpRequest

from events.base import Unknown, Value
from infra.auth import Caller
from infra.http import REFUSED, CallerOf
from infra.positions import await_positions
from services.finance.app import Finance
from services.finance.csv import as_csv
from services.finance.query import FigureName, FigureQuery

router = APIRouter(tags=["figures"])
CSV = "text/csv"


class Asked(Value):
    """What every question for a figure may say besides the question itself."""

    model_config = ConfigDict(extra="forbid")
    at_least: str | None = Field(None, description="A position token: the answer contains what it names.")


def _parameters(name: str, **more: Any) -> type[Asked]:
    """The question's own fields as parameters of the query: they are named once, in FigureQuery."""
    question: dict[str, Any] = {
        name: (info.rebuild_annotation(), info) for name, info in FigureQuery.model_fields.items() if name != "figure"
    }
    return create_model(name, __base__=Asked, __module__=__name__, **question, **more)


FigureParameters: Any = _parameters(
    "FigureParameters", format=(Literal["json", "csv"] | None, Field(None, description="As Accept: text/csv."))
)
ExplainParameters: Any = _parameters("ExplainParameters", limit=(int, Field(50, ge=1, le=100_000)))


def _finance(request: HttpRequest) -> Finance:
    found: Finance = request.app.state.platform.finance
    return found


def _question(request: HttpRequest, who: Caller, figure: FigureName, asked: Any) -> FigureQuery:
    await_positions(request, asked.at_least, "ledger")
    names = [name for name in FigureQuery.model_fields if name != "figure"]
    query = FigureQuery.model_validate(
        {"figure": figure, **{FigureQuery.model_fields[name].alias or name: getattr(asked, name) for name in names}}
    )
    return query if who.scope is None else query.model_copy(update={"establishment": _own(who.scope, query)})


def _shown(who: Caller, document: dict[str, Any]) -> dict[str, Any]:
    """The document as the caller may see it: what makes figures incomplete may be somebody else's."""
    return document if who.scope is None else {**document, "incomplete": in_short(document["incomplete"])}


def in_short(incomplete: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Why figures are not whole, without the values that could not be read."""
    return incomplete and [{**problem, "detail": problem["detail"].partition(":")[0]} for problem in incomplete]


def _own(own: UUID, query: FigureQuery) -> tuple[UUID, ...]:
    for n, asked in enumerate(query.establishment):
        if asked != own:
            raise Unknown(f"establishment {asked} is not known", pointer=f"/establishment/{n}")
    return (own,)


@router.get(
    "/figures/{figure}",
    response_model=None,
    responses={200: {"content": {"application/json": {}, CSV: {}}}, **REFUSED},
)
def read_figure(
    request: HttpRequest, who: CallerOf, figure: FigureName, asked: Annotated[FigureParameters, Query()]
) -> Response | dict[str, Any]:
    """A figure with its method, its position and its rows; as CSV, the rows."""
    document = _shown(who, _finance(request).figure(_question(request, who, figure, asked)))
    wants_csv = asked.format == "csv" or (asked.format is None and CSV in request.headers.get("accept", ""))
    return Response(as_csv(document), media_type=CSV) if wants_csv else document


@router.get("/explain/{figure}", responses=REFUSED)
def explain_figure(
    request: HttpRequest, who: CallerOf, figure: FigureName, asked: Annotated[ExplainParameters, Query()]
) -> dict[str, Any]:
    """The events behind a figure, and those left out with the reason."""
    return _shown(who, _finance(request).explain(_question(request, who, figure, asked), asked.limit))


@router.get("/reconcile", responses=REFUSED)
def reconcile(request: HttpRequest) -> dict[str, Any]:
    """The ledger against a Decimal fold of the event store: the difference must be 0.00."""
    return _finance(request).reconcile()
