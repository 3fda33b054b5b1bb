"""A supplier's CSR ratings (EcoVadis): declared by the supplier, verified or rejected by somebody else.

A rating counts in no figure until it is verified. `today` is the day in Paris, given by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from events.base import AlreadyExists, Refusal, Unknown
from events.suppliers import CsrRatingDeclared, CsrRatingRejected, CsrRatingVerified
from events.values import anniversary
from services.suppliers.commands import DeclareCsrRating, RejectCsrRating, VerifyCsrRating


class PublishedInTheFuture(Refusal):
    """The rating is not published yet."""

    rule = "A rating is declared once it is published"
    remedy = "Correct the day of publication, or declare the rating on that day."


class AlreadyJudged(Refusal):
    """The rating was verified or rejected before."""

    rule = "A declared rating is verified or rejected, once"
    remedy = "Declare the rating again, with a new id, where the first judgement was wrong."


class RatingHasExpired(Refusal):
    """The rating is older than 12 months."""

    rule = "A rating counts until the anniversary of its publication, which is excluded"
    remedy = "Ask the supplier to declare its newest rating, or reject this one."


class SelfVerification(Refusal):
    """The declarer of a rating tried to judge it."""

    rule = "Whoever declares a rating does not judge it (separation of duties)"
    remedy = "Ask somebody else of the group."


class Verdict(StrEnum):
    """Where a rating stands; expiry apart, which is a matter of the day."""

    DECLARED = "declared"
    VERIFIED = "verified"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Rating:
    """A rating and what was found of it."""

    declared: CsrRatingDeclared
    verdict: Verdict = Verdict.DECLARED


Ratings = Mapping[UUID, Rating]
"""A supplier's ratings by their ids."""


def evolve(ratings: Ratings, event: CsrRatingDeclared | CsrRatingVerified | CsrRatingRejected) -> Ratings:
    """A supplier's ratings after one of their events."""
    match event:
        case CsrRatingDeclared():
            rating = Rating(event)
        case CsrRatingVerified():
            rating = replace(ratings[event.rating_id], verdict=Verdict.VERIFIED)
        case CsrRatingRejected():
            rating = replace(ratings[event.rating_id], verdict=Verdict.REJECTED)
    return {**ratings, event.rating_id: rating}


def declare(ratings: Ratings, command: DeclareCsrRating, today: date) -> CsrRatingDeclared:
    """A rating is declared, once; it expires on the anniversary of its publication.

    One of 29 February expires on 1 March: it counts for twelve full months.
    Raises AlreadyExists, PublishedInTheFuture.
    """
    if command.rating_id in ratings:
        msg = f"rating {command.rating_id} was declared before"
        raise AlreadyExists(msg, pointer="/rating_id")
    if command.published_on > today:
        msg = f"published on {command.published_on}, and today is {today}"
        raise PublishedInTheFuture(msg, pointer="/published_on", today=today)
    return CsrRatingDeclared(**command.model_dump(), expires_on=anniversary(command.published_on, 1))


def verify(ratings: Ratings, command: VerifyCsrRating, actor: str, today: date) -> CsrRatingVerified:
    """Somebody else confirms a declared rating, while it is valid.

    Raises Unknown, AlreadyJudged, SelfVerification, RatingHasExpired.
    """
    declared = _to_judge(ratings, command.rating_id, actor)
    if today >= declared.expires_on:
        msg = f"rating {command.rating_id} of {declared.published_on} expired on {declared.expires_on}"
        raise RatingHasExpired(msg, pointer="/rating_id", expires_on=declared.expires_on)
    return CsrRatingVerified(
        supplier_id=command.supplier_id,
        rating_id=command.rating_id,
        scores=declared.scores,
        published_on=declared.published_on,
        expires_on=declared.expires_on,
    )


def reject(ratings: Ratings, command: RejectCsrRating, actor: str) -> CsrRatingRejected:
    """Somebody else could not confirm a declared rating. Raises Unknown, AlreadyJudged, SelfVerification."""
    _to_judge(ratings, command.rating_id, actor)
    return CsrRatingRejected(**command.model_dump())


def _to_judge(ratings: Ratings, rating_id: UUID, actor: str) -> CsrRatingDeclared:
    rating = ratings.get(rating_id)
    if rating is None:
        msg = f"rating {rating_id} is not known"
        raise Unknown(msg, pointer="/rating_id")
    if rating.verdict is not Verdict.DECLARED:
        msg = f"rating {rating_id} was {rating.verdict}"
        raise AlreadyJudged(msg, pointer="/rating_id", verdict=rating.verdict)
    if rating.declared.actor == actor:
        msg = f"{actor} declared rating {rating_id}"
        raise SelfVerification(msg)
    return rating.declared
