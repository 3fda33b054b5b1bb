"""A home goes on from a backup of its stores.

The restored stores get another epoch, as one more event at their ends: what was derived from the events after the
backup is thereby never mixed with those to come, and the hash chain goes on (docs/adr/0007). Everything is read from
its first event to its last and held against the manifest before anything moves.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import UUID, uuid4

from events.base import Refusal
from infra import audit
from infra.backup import Step, quiet
from infra.chain import open_links
from infra.event_store import STORE_STREAM, Clock, StoreRestored, open_store, utc_now
from infra.exchange import Environment, prepared
from infra.manifest import DEMO, BackupDamaged, Manifest, StoreCopy, engine_of, open_backup
from infra.mapper import Recorded
from infra.settings import Settings
from infra.stored import Damaged, NoStore, open_stored


class HomeNotEmpty(Refusal):
    """The stores hold events."""

    rule = "A restore never puts events in the place of others unless that is asked for"
    remedy = "Restore into another --home, or with --replace, which keeps what is there aside."


class OtherEngine(Refusal):
    """The backup is of stores that live elsewhere."""

    rule = "A backup of SQLite stores is restored to SQLite, one of PostgreSQL to PostgreSQL"
    remedy = "Set GROUPEMENT_POSTGRES_HOST as it was where the backup was made, or unset it."


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    epochs: dict[str, UUID]
    """The epoch of each store from here on."""
    aside: list[str]
    """Where what was there before is kept: a folder, databases; empty where there was nothing."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "backup": self.manifest.model_dump(mode="json"),
            "epochs": {context: str(epoch) for context, epoch in self.epochs.items()},
            "aside": self.aside,
        }


def restore(
    settings: Settings, path: Path, *, replace: bool = False, clock: Clock = utc_now, step: Step = quiet
) -> Restored:
    """Puts the stores of a backup into a home; what is derived from stores must be built again afterwards.

    Raises HomeNotEmpty unless `replace`; StoresInUse, OtherEngine, BackupDamaged, BackupNewer, NotAllowed, ToolMissing,
    ToolFailed.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    name = f"{clock():%Y%m%dt%H%M%Sz}_{uuid4().hex[:6]}"
    with open_backup(path) as backup:
        manifest = backup.manifest
        _check_may_replace(settings, path, manifest, replace=replace)
        work = Path(mkdtemp(prefix=".restoring-", dir=settings.home))
        try:
            with prepared(settings, work, name) as place:
                epochs = {}
                for store in manifest.stores:
                    environment = place.fill(store, backup)
                    _check(store, environment, work / "audit", step)
                    epochs[store.context] = _begin_anew(store, environment, clock)
                aside = place.exchange()
            aside += _exchange_marks(settings, manifest, work / "audit", settings.home / "replaced" / name)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Restored(manifest, epochs, list(dict.fromkeys(aside)))


def _check_may_replace(settings: Settings, path: Path, manifest: Manifest, *, replace: bool) -> None:
    if manifest.engine != engine_of(settings):
        raise OtherEngine(f"{path} holds stores of {manifest.engine}, this home has {engine_of(settings)}")
    full = [store.context for store in manifest.stores if _holds_events(settings, store.context)]
    if full and not replace:
        raise HomeNotEmpty(f"{settings.home} has events of {', '.join(full)}", pointer="--home")


def _holds_events(settings: Settings, context: str) -> bool:
    try:
        with open_stored(settings.store_environment(context)) as stored:
            return stored.end()[1] > len(stored.stream(STORE_STREAM))
    except NoStore:
        return False
    except Damaged:
        return True


def _check(store: StoreCopy, environment: Environment, links: Path, step: Step) -> None:
    """Reads a prepared store whole, and writes the links of its chain. Raises BackupDamaged."""

    def told(read: int) -> None:
        step(f"checking {store.context} (events)", read, store.events)

    with open_stored(environment) as stored, open_links(links, store.context) as kept:
        found = audit.verify(store.context, stored, kept, full=True, progress=told)
    expected = audit.Root(
        context=store.context, epoch=store.epoch, position=store.position, events=store.events, hash=store.hash
    )
    if found.findings or found.root != expected:
        wrong = found.findings[0].detail if found.findings else "it holds other events"
        raise BackupDamaged(f"{store.file} is not what its manifest says: {wrong}")


def _begin_anew(store: StoreCopy, environment: Environment, clock: Clock) -> UUID:
    """Gives a prepared store another epoch; nothing that it holds is touched."""
    opened = open_store(store.context, [], environment, clock)
    try:
        event = StoreRestored(epoch=uuid4(), lanes=opened.lanes, former=opened.epoch)
        event = event.stamped(uuid4(), clock(), "system", "")
        version = len(opened.events(STORE_STREAM)) + 1
        opened.recorder.insert_events([opened.mapper.to_stored_event(Recorded(STORE_STREAM, version, event))])
    finally:
        opened.close()
    return event.epoch


def _exchange_marks(settings: Settings, manifest: Manifest, links: Path, aside: Path) -> list[str]:
    """The chains' links and the demo's mark go with the stores that they belong to."""
    for path in (settings.home / "audit", settings.home / DEMO):
        if path.exists():
            aside.mkdir(parents=True, exist_ok=True)
            path.rename(aside / path.name)
    links.rename(settings.home / "audit")
    if manifest.demo is not None:
        (settings.home / DEMO).write_text(json.dumps(manifest.demo), encoding="utf-8")
    return [str(aside)] if aside.exists() else []
