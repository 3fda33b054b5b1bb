"""A supplier: its registration, its suspensions, and its CSR ratings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from uuid import NAMESPACE_URL, UUID

from stdnum.exceptions import ValidationError
from stdnum.fr import siren, tva

from events.base import AlreadyExists, Event, Refusal, Unknown
from events.suppliers import (
    CsrRatingDeclared,
    CsrRatingRejected,
    CsrRatingVerified,
    SupplierRegistered,
    SupplierReinstated,
    SupplierSuspended,
)
from events.values import derived_id
from services.suppliers import rating
from services.suppliers.commands import (
    DeclareCsrRating,
    RegisterSupplier,
    ReinstateSupplier,
    RejectCsrRating,
    SuppliersCommand,
    SuspendSupplier,
    VerifyCsrRating,
)

MONACO = "000"
"""A French VAT number whose SIREN part begins so is Monegasque and holds no SIREN."""


class InvalidSiren(Refusal):
    """The number is not a SIREN."""

    rule = "A SIREN has 9 digits and a right check digit (Luhn)"
    remedy = "Copy it from the company's entry in the Sirene register, or leave it out."


class InvalidVatNumber(Refusal):
    """The number is not a French VAT number."""

    rule = "A French VAT number is FR, a two-character key and the company's SIREN"
    remedy = "Copy it from an invoice of the supplier, or leave it out."


class NumbersDisagree(Refusal):
    """SIREN and VAT number belong to two companies."""

    rule = "A French VAT number ends with its company's SIREN"
    remedy = "Correct the wrong one, or leave it out."


class WrongStanding(Refusal):
    """The supplier is suspended already, or is not suspended."""

    rule = "A supplier is suspended, then reinstated, in turn"
    remedy = "Read the supplier; its standing says what may follow."


class DatesOutOfOrder(Refusal):
    """The day lies before the last change of standing."""

    rule = "A supplier's suspensions and reinstatements follow one another in time"
    remedy = "Give a day that is not before the last change."


@dataclass(frozen=True)
class Supplier:
    """What decisions need to know of a supplier."""

    registered: SupplierRegistered
    is_suspended: bool = False
    changed_on: date = date.min
    """Day of the last suspension or reinstatement."""
    ratings: rating.Ratings = field(default_factory=lambda: MappingProxyType({}))


def identity_streams(registered: SupplierRegistered) -> dict[str, UUID]:
    """Field -> where its number is taken: two suppliers never have the same SIREN or VAT number."""
    numbers = {"siren": registered.siren, "vat_number": registered.vat_number}
    return {name: derived_id(NAMESPACE_URL, f"urn:{name}:{number}") for name, number in numbers.items() if number}


def evolve(supplier: Supplier | None, event: Event) -> Supplier | None:
    """The supplier after one of its events; None for a stream that is not a supplier's."""
    if isinstance(event, SupplierRegistered):
        return Supplier(event)
    if supplier is None:
        return None
    match event:
        case SupplierSuspended():
            return replace(supplier, is_suspended=True, changed_on=event.suspended_on)
        case SupplierReinstated():
            return replace(supplier, is_suspended=False, changed_on=event.reinstated_on)
        case CsrRatingDeclared() | CsrRatingVerified() | CsrRatingRejected():
            return replace(supplier, ratings=rating.evolve(supplier.ratings, event))
    return supplier


def decide(known: Supplier | None, command: SuppliersCommand, actor: str, today: date) -> list[Event]:
    """The events that answer a command of an actor; `today` is the day in Paris. Raises Refusal."""
    if isinstance(command, RegisterSupplier):
        return [register(known, command)]
    if known is None:
        msg = f"supplier {command.supplier_id} is not known"
        raise Unknown(msg, pointer="/supplier_id")
    match command:
        case SuspendSupplier():
            return [suspend(known, command)]
        case ReinstateSupplier():
            return [reinstate(known, command)]
        case DeclareCsrRating():
            return [rating.declare(known.ratings, command, today)]
        case VerifyCsrRating():
            return [rating.verify(known.ratings, command, actor, today)]
        case RejectCsrRating():
            return [rating.reject(known.ratings, command, actor)]


def register(known: Supplier | None, command: RegisterSupplier) -> SupplierRegistered:
    """A supplier becomes known, once; its numbers are checked and kept without spaces, VAT numbers with their FR.

    Raises AlreadyExists, InvalidSiren, InvalidVatNumber, NumbersDisagree.
    """
    if known is not None:
        msg = f"supplier {command.supplier_id} is registered"
        raise AlreadyExists(msg, pointer="/supplier_id")
    number, vat = _siren(command.siren), _vat_number(command.vat_number, command.country)
    if number and vat and vat.startswith("FR") and vat[4:7] != MONACO and vat[4:] != number:
        msg = f"VAT number {vat} holds SIREN {vat[4:]}, not {number}"
        raise NumbersDisagree(msg, pointer="/vat_number", siren=number, vat_number=vat)
    return SupplierRegistered(**{**command.model_dump(), "siren": number, "vat_number": vat})


def _siren(number: str | None) -> str | None:
    if number is None:
        return None
    try:
        return str(siren.validate(number))
    except ValidationError as error:
        msg = f"{number} is not a SIREN: {error}"
        raise InvalidSiren(msg, pointer="/siren", siren=number) from error


def _vat_number(number: str | None, country: str | None) -> str | None:
    if number is None or not (number.upper().startswith("FR") or country == "FR"):
        return number
    try:
        return "FR" + str(tva.validate(number))
    except ValidationError as error:
        msg = f"{number} is not a French VAT number: {error}"
        raise InvalidVatNumber(msg, pointer="/vat_number", vat_number=number) from error


def suspend(known: Supplier, command: SuspendSupplier) -> SupplierSuspended:
    """A supplier receives no new order from a day on. Raises WrongStanding, DatesOutOfOrder."""
    _may_change(known, command.suspended_on, "/suspended_on", is_suspended=False)
    return SupplierSuspended(**command.model_dump())


def reinstate(known: Supplier, command: ReinstateSupplier) -> SupplierReinstated:
    """A supplier receives orders again; on the day of its suspension itself, that one never held.

    Raises WrongStanding, DatesOutOfOrder.
    """
    _may_change(known, command.reinstated_on, "/reinstated_on", is_suspended=True)
    return SupplierReinstated(**command.model_dump())


def _may_change(known: Supplier, day: date, pointer: str, *, is_suspended: bool) -> None:
    name = known.registered.name
    if known.is_suspended is not is_suspended:
        msg = f"{name} is suspended since {known.changed_on}" if known.is_suspended else f"{name} is not suspended"
        raise WrongStanding(msg, pointer=pointer)
    if day < known.changed_on:
        msg = f"{day} is before the last change of {name}'s standing, {known.changed_on}"
        raise DatesOutOfOrder(msg, pointer=pointer, changed_on=known.changed_on)
