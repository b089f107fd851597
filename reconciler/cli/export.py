"""Writes `schemas/`: the kinds for editors and Kubernetes, the workspace file, and what `--json` prints.

`python -m reconciler.cli.export DIR` writes all of it; `--check` writes nothing and names the files that differ.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.agent.document import PromptResult
from reconciler.cli.shapes import SHAPES
from reconciler.engine.config import WorkspaceDocument
from reconciler.plan.document import ChangeSetDocument
from reconciler.spec.export import documents, schema_text, write_or_check


def everything() -> dict[str, str]:
    """The files of `schemas/`: names and contents, the same on every run."""
    files = {**documents(), "Workspace.json": schema_text(WorkspaceDocument, "Workspace.json")}
    files["output/ChangeSet.json"] = schema_text(ChangeSetDocument, "output/ChangeSet.json")
    files["output/PromptResult.json"] = schema_text(PromptResult, "output/PromptResult.json")
    for shape in SHAPES:
        name = f"output/{shape.model_fields['kind'].default}.json"
        files[name] = schema_text(shape, name)
    return dict(sorted(files.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a folder; the exit code."""
    return write_or_check(everything(), arguments)


if __name__ == "__main__":
    sys.exit(main())
