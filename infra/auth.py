"""Who calls: bearer tokens (JWT, signed with Ed25519) that this installation issues to itself.

They are for one machine: the key lies in the home folder, readable by its owner alone, and `serve` listens on loopback
only. Nothing but Ed25519 is accepted: `none` and HS256 are refused by name, whatever the token says of itself.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Self
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from events.base import Refusal
from infra.settings import Settings

ALGORITHM: Final = "Ed25519"  # the name of RFC 9864, which deprecates "EdDSA"
ISSUER = "urn:groupement:local"
AUDIENCE = "urn:groupement:api"
HOUR = 3600
LONGEST = 31 * 24 * HOUR
"""Seconds that a token lives at most."""
KEPT = 1_000
"""Tokens whose signature is not verified again while they are in use."""


class NotSignedIn(Refusal):
    """The call has no token, or none that this installation gave and that is still good."""

    rule = "Every call needs a bearer token of this installation that has not expired"
    remedy = "Get one with `groupement token --role ROLE`, and send it as `Authorization: Bearer TOKEN`."


class NotYourRole(Refusal):
    """The caller's role may not do this."""

    rule = "Each operation names the roles that may use it (x-roles in /openapi.json)"
    remedy = "Ask someone who has one of these roles."


class WrongClaims(Refusal):
    """A token cannot be issued for this role with these limits."""

    rule = (
        "An officer acts for one establishment, a supplier for itself, an approver for one or for all, others for all"
    )
    remedy = "Give --establishment for an officer, --supplier for a supplier, neither for the other roles."


class UnsafeKey(Refusal):
    """Others than its owner may read the signing key."""

    rule = "Whoever reads the key can act as anybody"
    remedy = "Remove the key file: a new one is made, and the tokens issued so far end."


class Role(StrEnum):
    """What somebody is in the group."""

    OFFICER = "officer"
    APPROVER = "approver"
    GROUP_BUYER = "group-buyer"
    SUPPLIER = "supplier"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Identity(BaseModel):
    """What a token says of its bearer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """Opaque user id; no name, no e-mail address."""
    role: Role
    establishment_id: UUID | None = None
    supplier_id: UUID | None = None

    @model_validator(mode="after")
    def _limits_fit_role(self) -> Self:
        wants_establishment = {Role.OFFICER: True, Role.APPROVER: self.establishment_id is not None}
        if (self.establishment_id is not None) is not wants_establishment.get(self.role, False):
            msg = f"role {self.role} and establishment {self.establishment_id} do not fit"
            raise ValueError(msg)
        if (self.supplier_id is not None) is not (self.role is Role.SUPPLIER):
            msg = f"role {self.role} and supplier {self.supplier_id} do not fit"
            raise ValueError(msg)
        return self

    @property
    def own(self) -> UUID | None:
        """The establishment or supplier that the bearer acts for; None: the whole group."""
        return self.establishment_id or self.supplier_id


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls an operation, and how far it may see in it."""

    subject: str
    role: Role
    scope: UUID | None
    """The establishment or supplier that the operation is limited to; None: the whole group."""


def issue(
    settings: Settings,
    role: Role | str,
    subject: str,
    establishment_id: UUID | None = None,
    supplier_id: UUID | None = None,
    seconds: int = HOUR,
) -> str:
    """A token for a role. Raises WrongClaims, UnsafeKey. The key is made where there is none."""
    try:
        identity = Identity.model_validate(
            {"sub": subject, "role": role, "establishment_id": establishment_id, "supplier_id": supplier_id}
        )
    except ValidationError as error:
        raise WrongClaims("; ".join(found["msg"].removeprefix("Value error, ") for found in error.errors())) from error
    if not 0 < seconds <= LONGEST:
        raise WrongClaims(f"a token lives 1 to {LONGEST} seconds, not {seconds}", seconds=seconds)
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + seconds}
    claims |= identity.model_dump(mode="json", exclude_none=True)
    return jwt.encode({"alg": ALGORITHM}, claims, signing_key(settings), algorithms=[ALGORITHM])


class Verifier:
    """Reads tokens. Holds the public half of the key only."""

    def __init__(self, key: OKPKey, now: Callable[[], float] = time.time) -> None:
        self._key = OKPKey.import_key(key.as_dict(private=False))
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._read = lru_cache(KEPT)(self._verified)

    def identity(self, token: str) -> Identity:
        """The bearer of a token. Raises NotSignedIn, which never says more of the token than what is wrong with it."""
        try:
            claims, bearer = self._read(token)
            self._claims.validate(claims)  # each time: a token ends
        except (JoseError, ValueError) as error:
            reason = getattr(error, "error", "") or "unreadable"
            raise NotSignedIn(f"the token is not accepted: {reason}", reason=reason) from error
        return bearer

    def _verified(self, token: str) -> tuple[dict[str, Any], Identity]:
        claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        self._claims.validate(claims)
        return claims, Identity.model_validate(claims)


def signing_key(settings: Settings) -> OKPKey:
    """The installation's key, made with mode 0600 where there is none. Raises UnsafeKey."""
    path = settings.home / "keys" / "token.ed25519.pem"
    if not path.exists():
        _make_key(path)
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        raise UnsafeKey(f"{path} has mode {mode:04o}, readable by others", path=path)
    return OKPKey.import_key(path.read_bytes())


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = OKPKey.generate_key(ALGORITHM).as_pem(private=True)
    # Written whole beside it, then linked: of two processes that start together one key holds, and it is complete.
    handle, new = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        Path(new).unlink()
