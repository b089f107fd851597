"""`ratecard sandbox`: a billing system on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.common import Where, say, with_where, write_json


@click.group("sandbox")
def command() -> None:
    """Run a billing system on this machine to try things on."""


@command.command("serve", short_help="Serve it on 127.0.0.1 until it is interrupted.")
@click.option("--db", "database", type=click.Path(path_type=Path, dir_okay=False), help="Keep its books in this file.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", default=0, help="Else a free one.")
@click.option("--seed", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Objects to start with.")
@with_where("json")
def serve(where: Where, database: Path | None, port: int, seed: Path | None) -> int:
    """Serve the sandbox on 127.0.0.1 until it is interrupted; its address is printed first."""
    from reconciler.sandbox.embedded import serve as serve_until_stopped

    def ready(url: str) -> None:
        if where.json:
            from reconciler.cli.shapes import Serving

            write_json(Serving(url=url))
        else:
            click.echo(url)
            say("The sandbox runs until you press Ctrl-C. Use it by `url:` of a sandbox account in ratecard.yaml.")

    serve_until_stopped(database, port, seed, on_ready=ready)
    return 0
