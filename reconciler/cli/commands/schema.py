"""`ratecard schema`: the schemas that the first lines of specs name, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.common import Where, say, with_where, write_json

SCHEMAS = "schemas"


@click.command("schema")
@with_where("workspace", "json")
def command(where: Where) -> int:
    """Write the schemas of the workspace anew, as this version understands specs, overlays and ratecard.yaml.

    Files name them in a first line, `# yaml-language-server: $schema=../schemas/spec.json`, so that VS Code, Cursor,
    Windsurf and others complete and check what is typed; overlays name schemas/overlay.json. `ratecard init` writes
    them first.
    """
    from reconciler.engine.config import find_folder

    folder = find_folder(where.workspace) / SCHEMAS
    try:
        written = write_schemas(folder, anew=True)
    except OSError as error:
        raise RatecardError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    if where.json:
        from reconciler.cli.account_shapes import SchemasShape

        write_json(SchemasShape(files=[str(path) for path in written]))
        return 0
    for path in written:
        click.echo(str(path))
    if not written:
        say("The schemas are those of this version already.")
    return 0


def write_schemas(folder: Path, *, anew: bool = False) -> list[Path]:
    """Write the schemas into a folder; returns those that were written. Others stay, with `anew` only equal ones.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in _texts().items():
        path = folder / name
        if path.exists() and (not anew or path.read_bytes() == text.encode()):
            continue
        beside = path.with_name(f".{name}.new")
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        written.append(path)
    return written


@cache
def _texts() -> Mapping[str, str]:
    """The files and what stands in them: the same as long as this version runs, and a fifth of a second to make."""
    from reconciler.engine.workspace_file import WorkspaceDocument
    from reconciler.spec.export import json_schemas, schema_text

    schemas = json_schemas()
    return {
        "spec.json": schemas["spec.json"],
        "overlay.json": schemas["overlay.json"],
        "Workspace.json": schema_text(WorkspaceDocument, "Workspace.json"),
    }
