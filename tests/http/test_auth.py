"""Nobody acts without a token of this installation that is still good, whatever the token says of itself."""

from __future__ import annotations

import hmac
import stat
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from json import dumps
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from infra import auth
from infra.auth import AUDIENCE, ISSUER, NotSignedIn, UnsafeKey, Verifier, WrongClaims, issue, signing_key
from infra.settings import Settings
from tests.http.world import World


@pytest.fixture
def verifier(settings: Settings) -> Verifier:
    return Verifier(signing_key(settings))


def claims(**other: Any) -> dict[str, Any]:
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "role": "finance", "exp": int(time.time()) + 60}
    return {name: value for name, value in (good | other).items() if value is not None}


def signed(settings: Settings, **other: Any) -> str:
    return jwt.encode({"alg": "Ed25519"}, claims(**other), signing_key(settings), algorithms=["Ed25519"])


def test_a_token_that_was_issued_is_accepted(settings: Settings, verifier: Verifier) -> None:
    establishment = uuid4()
    found = verifier.identity(issue(settings, "officer", "user-1", establishment))
    assert (found.sub, found.role, found.own) == ("user-1", "officer", establishment)
    assert verifier.identity(signed(settings)).role == "finance"


@pytest.mark.parametrize(
    "other",
    [
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"aud": "urn:somebody:else"},
        {"aud": None},
        {"iss": "urn:somebody:else"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"role": "king"},
        {"role": None},
        {"nbf": int(time.time()) + 600},
        {"role": "officer"},
        {"role": "supplier"},
        {"establishment_id": str(uuid4())},
        {"role": "officer", "establishment_id": "not-a-uuid"},
        {"role": "officer", "establishment_id": str(uuid4()), "supplier_id": str(uuid4())},
    ],
    ids=" ".join,  # no value of its own: the processes of one run must find the same tests
)
def test_a_token_with_wrong_claims_is_refused(settings: Settings, verifier: Verifier, other: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        verifier.identity(signed(settings, **other))


def _part(document: dict[str, Any]) -> str:
    return urlsafe_b64encode(dumps(document).encode()).decode().rstrip("=")


def _none(_: Settings) -> str:
    return f"{_part({'alg': 'none'})}.{_part(claims())}."


def _hs256(secret: bytes) -> str:
    """By hand: the library refuses to sign so."""
    signed_part = f"{_part({'alg': 'HS256'})}.{_part(claims())}"
    signature = hmac.digest(secret, signed_part.encode(), "sha256")
    return f"{signed_part}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def _hs256_with_the_public_pem(settings: Settings) -> str:
    return _hs256(signing_key(settings).as_pem(private=False))


def _hs256_with_the_public_bytes(settings: Settings) -> str:
    return _hs256(urlsafe_b64decode(str(signing_key(settings).as_dict(private=False)["x"]) + "="))


def _another_key(_: Settings) -> str:
    return jwt.encode({"alg": "Ed25519"}, claims(), OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])


def _a_key_of_its_own(_: Settings) -> str:
    key = OKPKey.generate_key("Ed25519")
    header = {"alg": "Ed25519", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims(), key, algorithms=["Ed25519"])


def _changed(settings: Settings) -> str:
    header, _, signature = signed(settings).split(".")
    return f"{header}.{_part(claims(role='admin'))}.{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        _none,
        _hs256_with_the_public_pem,
        _hs256_with_the_public_bytes,
        _another_key,
        _a_key_of_its_own,
        _changed,
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "é" * 50,
        lambda _: "." * 100_000,
    ],
)
def test_a_forged_token_is_refused(settings: Settings, verifier: Verifier, forged: Callable[[Settings], str]) -> None:
    with pytest.raises(NotSignedIn):
        verifier.identity(forged(settings))


def test_a_token_of_another_installation_is_refused(settings: Settings, verifier: Verifier) -> None:
    elsewhere = Settings(home=settings.home / "elsewhere")
    with pytest.raises(NotSignedIn):
        verifier.identity(issue(elsewhere, "admin", "user-1"))


def test_a_token_ends_when_it_says(settings: Settings) -> None:
    token = issue(settings, "finance", "user-1", seconds=60)
    key = signing_key(settings)
    assert Verifier(key, now=lambda: time.time() + 50).identity(token)
    with pytest.raises(NotSignedIn, match="expired"):
        Verifier(key, now=lambda: time.time() + 61).identity(token)


def test_a_token_that_was_good_is_refused_when_it_has_ended(settings: Settings) -> None:
    now = [time.time()]
    verifier = Verifier(signing_key(settings), now=lambda: now[0])
    token = issue(settings, "finance", "user-1", seconds=60)
    assert verifier.identity(token)
    now[0] += 61
    with pytest.raises(NotSignedIn, match="expired"):
        verifier.identity(token)


@pytest.mark.parametrize(
    ("role", "establishment", "supplier", "seconds"),
    [
        ("officer", False, False, 60),
        ("officer", True, True, 60),
        ("supplier", False, False, 60),
        ("supplier", True, False, 60),
        ("finance", True, False, 60),
        ("admin", False, True, 60),
        ("king", False, False, 60),
        ("finance", False, False, 0),
        ("finance", False, False, auth.LONGEST + 1),
    ],
)
def test_a_token_is_issued_only_within_the_limits_of_its_role(
    settings: Settings, role: str, establishment: bool, supplier: bool, seconds: int
) -> None:
    with pytest.raises(WrongClaims):
        issue(settings, role, "u", uuid4() if establishment else None, uuid4() if supplier else None, seconds)


def test_the_key_is_its_owner_s_alone(settings: Settings) -> None:
    signing_key(settings)
    path = settings.home / "keys" / "token.ed25519.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(UnsafeKey):
        signing_key(settings)


def _public_key(settings: Settings) -> str:
    return str(signing_key(settings).as_dict(private=False)["x"])


def test_processes_that_start_together_have_one_key(settings: Settings) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert len(set(pool.map(_public_key, [settings] * 8))) == 1
    assert [file.name for file in (settings.home / "keys").iterdir()] == ["token.ed25519.pem"]


def test_the_verifier_cannot_sign(settings: Settings, verifier: Verifier) -> None:
    assert not verifier._key.is_private


@pytest.mark.parametrize("header", [None, "", "Basic dTpw", "Bearer", "Bearer  ", "Bearer x.y.z", "bearer"])
def test_a_call_without_a_token_is_told_how_to_get_one(world: World, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    answer = world.client.get("/api/v1/orders", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "/problems/not-signed-in"
    assert "groupement token" in answer.json()["errors"][0]["remedy"]
