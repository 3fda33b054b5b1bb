"""Commands that keep the stores: backup, restore, audit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from events.base import Refusal
from infra import audit
from infra.audit import Finding, Root, Roots, Verified, roots_of
from infra.backup import backup as make_backup
from infra.chain import open_links
from infra.clickhouse import open_embedded
from infra.restore import Restored
from infra.restore import restore as restore_backup
from infra.settings import Settings
from infra.stored import open_stored
from services.cli.asking import print_json
from services.cli.console import Step, err, out, progress
from services.cli.desk import check_stores, open_desk
from services.cli.options import Format, settings_of

CONTEXTS = ("ordering", "membership", "suppliers", "tendering")
"""Followers first: ordering takes in what the others publish."""
FormatOption = Annotated[Format, typer.Option("--format", help="table or json.")]
audits = typer.Typer(no_args_is_help=True, help="Proves that nobody changed the stores behind their backs.")


class RootUnreadable(Refusal):
    """A file of roots is not what `groupement audit root` wrote."""

    rule = "A root proves something as long as it is the one that was handed out"
    remedy = "Take another copy of the file."


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(backup)
    app.command()(restore)
    audits.command()(verify)
    audits.command()(root)
    app.add_typer(audits, name="audit")


def backup(
    ctx: typer.Context,
    target: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .tar or .tar.gz.")],
    form: FormatOption = Format.TABLE,
) -> None:
    """Copies the stores as they are now, while commands run; whole, or not there at all.

    The key that signs tokens stays here. Figures are not copied: they are computed from the stores again.

    Examples:
      groupement backup backups/2026-11-24.tar.gz
      groupement backup DIR --format json

    """
    settings = settings_of(ctx)
    check_stores(settings)
    with progress() as step:
        manifest = make_backup(settings, CONTEXTS, target, step=step)
    if form is Format.JSON:
        print_json(manifest.model_dump(mode="json"))
        return
    for store in manifest.stores:
        out.print(f"{store.context}: {store.events} events up to position {store.position}", highlight=False)
    out.print(f"[bold]{target}[/bold] holds them all; groupement restore {target} brings them back.", highlight=False)


def restore(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `groupement backup` made.", exists=True)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Where the home holds events: keep them aside, and go on from the backup.")
    ] = False,
    rebuild: Annotated[bool, typer.Option(help="Compute the figures anew at once.")] = True,
    form: FormatOption = Format.TABLE,
) -> None:
    """Lets a home go on from a backup: stores with another epoch, so that nothing old is mixed with what comes.

    Examples:
      groupement --home NEW restore backups/2026-11-24.tar.gz
      groupement restore backups/2026-11-24.tar.gz --replace

    """
    settings = settings_of(ctx)
    check_stores(settings)
    with _nobody_serves(settings), progress() as step:
        restored = restore_backup(settings, source, replace=replace, step=step)
    is_rebuilt = rebuild and _is_embedded(settings)
    if is_rebuilt:
        with open_desk(settings, from_anything=True) as desk:
            desk.rebuild(accept_changes=False, from_stores=True)
    if form is Format.JSON:
        print_json({**restored.document(), "is_rebuilt": is_rebuilt})
    else:
        _show_restored(restored, is_rebuilt=is_rebuilt)


def _is_embedded(settings: Settings) -> bool:
    return not settings.clickhouse_host and not os.environ.get("GROUPEMENT_API")


@contextmanager
def _nobody_serves(settings: Settings) -> Iterator[None]:
    """Holds the analytics folder, so that no server begins on the old stores. Raises AnalyticsInUse."""
    if not _is_embedded(settings):
        yield
        return
    with closing(open_embedded(settings.analytics)):
        yield


def _show_restored(restored: Restored, *, is_rebuilt: bool) -> None:
    for store in restored.manifest.stores:
        epoch = restored.epochs[store.context]
        out.print(f"{store.context}: {store.events} events, from here on epoch {epoch}", highlight=False)
    for place in restored.aside:
        out.print(f"what was there before: {place}", highlight=False, soft_wrap=True)
    if is_rebuilt:
        out.print("Figures are computed anew.", style="green")
    else:
        out.print(
            "Figures are of the old stores until: groupement rebuild --from-stores", style="bold", highlight=False
        )


def verify(
    ctx: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what is new.")] = False,
    root: Annotated[
        list[Path] | None,
        typer.Option("--root", help="What `audit root` wrote once; repeatable. Reads everything.", exists=True),
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Looks for events that were changed, removed, slipped in or cut off; exit code 1 where there are.

    Examples:
      groupement audit verify --full
      groupement audit verify --root roots/2026-11.json --format json

    """
    handed_out = [_roots(path) for path in root or []]
    check_stores(settings_of(ctx))
    found = dict(_verified(settings_of(ctx), handed_out, full=full or bool(handed_out)))
    findings = [finding for one in found.values() for finding in one.findings]
    if form is Format.JSON:
        print_json({"is_intact": not findings, "stores": [_document(*one) for one in found.items()]})
    else:
        for context, one in found.items():
            mark = "[bold red]✗[/bold red]" if one.findings else "[green]✓[/green]"
            out.print(f"{mark} {context}: {_told(one)}", highlight=False)
            _show_findings(one.findings)
    if findings:
        raise typer.Exit(1)


def root(ctx: typer.Context, form: FormatOption = Format.JSON) -> None:
    """Prints what the stores are now, in one number to keep elsewhere: it proves any later change of their past.

    Reads what is new first; exit code 1, and no number, where something is wrong.

    Examples:
      groupement audit root > roots/2026-11.json
      groupement audit root --format table

    """
    check_stores(settings_of(ctx))
    found = dict(_verified(settings_of(ctx), [], full=False))
    findings = [finding for one in found.values() for finding in one.findings]
    if findings:
        err.print(
            "The stores are not what they were: groupement audit verify --full", style="bold red", highlight=False
        )
        raise typer.Exit(1)
    document = roots_of([one.root for one in found.values() if one.root])
    if form is Format.JSON:
        print_json(document.model_dump(mode="json"))
        return
    for one in document.stores:
        out.print(f"{one.context}: {one.events} events up to position {one.position}, {one.hash}", highlight=False)
    out.print(f"root: [bold]{document.root}[/bold]", highlight=False)


def _roots(path: Path) -> Roots:
    try:
        found = Roots.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RootUnreadable(f"{path} is no file of roots", pointer="--root") from error
    if not found.is_whole():
        raise RootUnreadable(f"{path} was changed: its number does not belong to its stores", pointer="--root")
    return found


def _verified(settings: Settings, handed_out: list[Roots], *, full: bool) -> Iterator[tuple[str, Verified]]:
    with progress() as step:
        for context in CONTEXTS:
            roots = [one for document in handed_out for one in document.stores if one.context == context]
            yield context, _verify(settings, context, roots, step, full=full)


def _verify(settings: Settings, context: str, roots: list[Root], step: Step, *, full: bool) -> Verified:
    def told(read: int) -> None:
        step(f"reading {context}", read, read)

    with (
        open_stored(settings.store_environment(context)) as stored,
        open_links(settings.home / "audit", context) as links,
    ):
        return audit.verify(context, stored, links, full=full, roots=roots, progress=told)


def _told(one: Verified) -> str:
    if one.root is None:
        return "does not say which store it is"
    return f"{one.root.events} events up to position {one.root.position}, {one.read} of them read now"


def _show_findings(findings: Iterable[Finding]) -> None:
    for one in findings:
        place = "" if one.position is None else f" at position {one.position}"
        out.print(f"    {one.kind}{place}: {one.detail}", highlight=False, markup=False)


def _document(context: str, one: Verified) -> dict[str, Any]:
    return {
        "context": context,
        "root": one.root.model_dump(mode="json") if one.root else None,
        "read": one.read,
        "findings": [
            {"kind": finding.kind, "position": finding.position, "detail": finding.detail} for finding in one.findings
        ],
    }
