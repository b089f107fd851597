"""`ratecard fmt`: specs in canonical form, comments kept."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.common import Where, count, open_workspace, say, tell, with_where, write_json


@click.command("fmt")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when a file is not in canonical form.")
@with_where("workspace", "json")
def command(where: Where, check: bool) -> int:
    """Rewrite all specs of the workspace in canonical form; comments and order stay."""
    from reconciler.base.diagnostics import has_errors
    from reconciler.engine.understanding import defaults_in
    from reconciler.spec.files import Reader
    from reconciler.spec.format import CannotFormat, format_text
    from reconciler.spec.layers import Layers
    from reconciler.spec.load import load_files
    from reconciler.spec.overlays import overlays_in

    workspace = open_workspace(where)
    reader = Reader(workspace.folder)
    files = reader.read_all(workspace.spec_paths)
    overlays = reader.read_all(
        [Path(path) for account in workspace.spec.accounts.values() for path in account.overlays]
    )
    loaded = load_files(files, reader.diagnostics, Layers(defaults_in(workspace)))
    wrong = [*loaded.diagnostics, *overlays_in([(file.name, [file]) for file in overlays])[1]]
    if has_errors(wrong):
        tell(wrong, where, workspace.folder)
        return 1
    changed: dict[str, str] = {}  # all are formatted before one is written
    for file in (*files, *overlays):
        before = file.data.decode()
        try:
            after = format_text(before, file.name, whole=False)
        except CannotFormat as error:
            tell(error.diagnostics, where, workspace.folder)
            return 1
        if after != before:
            changed[file.name] = after
    if not check:
        for name, text in changed.items():
            _write(workspace.folder / name, text)
    if where.json:
        from reconciler.cli.shapes import Format

        write_json(Format(changed=list(changed), written=not check))
    else:
        for name in changed:
            click.echo(name)
        done = "would be rewritten" if check else "rewritten"
        say(f"{count(len(files) + len(overlays), 'file')} read, {len(changed):,} {done}.")
    return 1 if check and changed else 0


def _write(path: Path, text: str) -> None:
    """Beside first, then into place: a full disk never costs a spec."""
    try:
        target = path.resolve()  # the file behind a link, not the link
        beside = target.with_name(f".{target.name}.new")
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.chmod(target.stat().st_mode)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise RatecardError(f"{path.name} cannot be written: {error.strerror}") from None
