"""`ratecard sandbox`: a billing system on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.common import say


@click.group("sandbox")
def command() -> None:
    """Run a billing system on this machine to try things on."""


@command.command("serve")
@click.option("--db", "database", type=click.Path(path_type=Path, dir_okay=False), help="Keep its books in this file.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--seed", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Objects to start with.")
def serve(database: Path | None, port: int, seed: Path | None) -> int:
    """Serve the sandbox on 127.0.0.1 until it is interrupted; its address is printed first."""
    from reconciler.sandbox.embedded import serve as serve_until_stopped

    def ready(url: str) -> None:
        click.echo(url)
        say("The sandbox runs until you press Ctrl-C. Use it by `url:` of a sandbox account in ratecard.yaml.")

    serve_until_stopped(database, port, seed, on_ready=ready)
    return 0
