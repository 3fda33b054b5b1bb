"""Where a process listens: on this machine only, unless its settings say that others are kept out."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from events.base import Refusal


class NotLoopback(Refusal):
    """The address can be reached from other machines."""

    rule = "Tokens that an installation issues to itself are for its own machine"
    remedy = "Serve on 127.0.0.1 or ::1."


class AddressTaken(Refusal):
    """Something listens at the address already, or it may not be used."""

    rule = "One server listens at an address"
    remedy = "Choose another --port, or stop what listens there."


def check(host: str, *, only_loopback: bool = True) -> None:
    """Refuses what is no address, or one that other machines reach. Raises NotLoopback, AddressTaken."""
    _addresses(host, 0, only_loopback=only_loopback)


def listening(host: str = "127.0.0.1", port: int = 8000, *, only_loopback: bool = True) -> socket.socket:
    """A socket that listens on this machine; port 0 takes a free one. Raises NotLoopback, AddressTaken."""
    family, kind, protocol, _, address = _addresses(host, port, only_loopback=only_loopback)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise AddressTaken(f"{host}, port {port}: {error.strerror}", host=host, port=port) from error
    return listener


def _addresses(host: str, port: int, *, only_loopback: bool) -> list[Any]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise AddressTaken(f"{host} is no address: {error.strerror}", host=host) from error
    if only_loopback and not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found):
        raise NotLoopback(f"{host} is reached from other machines", host=host)
    return found
