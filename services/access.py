"""Who may do what: one table, role by operation. An operation without a row does not start.

`own`: what belongs to the establishment or supplier of the token (an approver's token without an establishment reaches
the whole group); something of another tenant answers exactly like something that does not exist. `all`: of the whole
group. `-`: not for this role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request as HttpRequest

from infra.auth import Caller, NotSignedIn, NotYourRole, Role, Verifier

TABLE = """
operation               officer approver group-buyer supplier finance auditor admin

submit_order            own     -        -           -        -       -       -
withdraw_order          own     -        -           -        -       -       -
cancel_order            own     -        -           -        -       -       -
receive_order_line      own     -        -           -        -       -       -
return_order_line       own     -        -           -        -       -       -
receive_invoice         own     -        -           -        -       -       -
receive_credit_note     own     -        -           -        -       -       -
approve_order           -       own      -           -        -       -       -
reject_order            -       own      -           -        -       -       -
list_orders             own     own      all         own      all     all     all
read_order              own     own      all         own      all     all     all

list_agreements         all     all      all         -        all     all     all
read_agreement          all     all      all         -        all     all     all
sign_agreement          -       -        all         -        -       -       -
amend_agreement         -       -        all         -        -       -       -
revise_price            -       -        all         -        -       -       -
terminate_agreement     -       -        all         -        -       -       -
set_baseline            -       -        all         -        -       -       -

list_establishments     own     own      all         -        all     all     all
read_establishment      own     own      all         -        all     all     all
list_adhesions          own     own      all         -        all     all     all
join_establishment      -       -        all         -        -       -       -
leave_establishment     -       -        all         -        -       -       -
open_site               own     -        all         -        -       -       -
grant_adhesion          -       -        all         -        -       -       -
end_adhesion            -       -        all         -        -       -       -

list_suppliers          all     all      all         own      all     all     all
read_supplier           all     all      all         own      all     all     all
register_supplier       -       -        all         -        -       -       -
suspend_supplier        -       -        all         -        -       -       -
reinstate_supplier      -       -        all         -        -       -       -
declare_csr_rating      -       -        -           own      -       -       -
verify_csr_rating       -       -        all         -        -       -       -
reject_csr_rating       -       -        all         -        -       -       -

read_figure             own     own      all         -        all     all     all
explain_figure          own     own      all         -        all     all     all
reconcile               -       -        -           -        all     all     all
list_events             -       -        -           -        -       all     all
read_trace              -       -        -           -        -       all     all
read_lag                -       -        -           -        all     all     all
rebuild                 -       -        -           -        -       -       all
"""


def _read(table: str) -> dict[str, dict[Role, str]]:
    (_, *roles), *rows = (line.split() for line in table.splitlines() if line)
    found = {}
    for operation, *cells in rows:
        found[operation] = {Role(role): cell for role, cell in zip(roles, cells, strict=True) if cell != "-"}
    return found


REACH: Mapping[str, Mapping[Role, str]] = _read(TABLE)
"""Operation -> role that may use it -> `own` or `all`."""

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The output of `groupement token --role ROLE`.")


async def check(
    request: HttpRequest, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Stands before every route of the API: who calls, and how far it may see. Raises NotSignedIn, NotYourRole."""
    if credentials is None:
        raise NotSignedIn("the call has no bearer token")
    verifier: Verifier = request.app.state.verifier
    identity = verifier.identity(credentials.credentials)
    operation = request.scope["route"].name
    reach = REACH[operation].get(identity.role)
    if reach is None:
        allowed = ", ".join(REACH[operation])
        raise NotYourRole(f"{operation} is for {allowed}, not for {identity.role}", roles=allowed)
    request.state.caller = Caller(identity.sub, identity.role, identity.own if reach == "own" else None)
