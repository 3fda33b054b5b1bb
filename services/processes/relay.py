"""The process of the relays: one for each store, in threads."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from infra import address
from infra.relay import Relay
from infra.settings import Settings
from infra.watch import Watch, relay_part, watched
from services.embedded import open_contexts
from services.processes.work import signalled


def run(settings: Settings, host: str, port: int) -> None:
    """Relays until a signal ends it."""
    address.check(host, only_loopback=settings.is_loopback_only)
    with ExitStack() as stack:
        stores = open_contexts(settings).stores
        for store in stores:
            stack.callback(store.close)
        relays = [Relay(store, settings.kafka_bootstrap) for store in stores]
        stop = stack.enter_context(signalled())
        if port:
            stack.enter_context(watched(Watch("relay", [relay_part(relay) for relay in relays]), port, host))
        threads = [threading.Thread(target=relay.run, args=(stop,), name=relay.store.context) for relay in relays]
        for thread in threads:
            thread.start()
        # A relay ends by itself only where something is wrong that nobody thought of: the others end with it.
        while not stop.wait(1) and all(thread.is_alive() for thread in threads):
            pass
        was_told = stop.is_set()
        stop.set()
        for thread in threads:
            thread.join()
        if not was_told:
            raise SystemExit("; ".join(relay.state for relay in relays))
