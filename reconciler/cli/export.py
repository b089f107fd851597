"""Writes `schemas/`: the kinds for editors and Kubernetes, the workspace file, and what `--json` prints.

`python -m reconciler.cli.export DIR` writes all of it; `--check` writes nothing and names the files that differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from pydantic import BaseModel

from reconciler.agent.document import PromptResult
from reconciler.cli.account_shapes import SHAPES as ACCOUNT_SHAPES
from reconciler.cli.live_shapes import SHAPES as LIVE_SHAPES
from reconciler.cli.shapes import SHAPES
from reconciler.engine.auditing import CheckpointDocument
from reconciler.engine.workspace_file import WorkspaceDocument
from reconciler.plan.approval_document import ApprovalDocument
from reconciler.plan.document import ChangeSetDocument
from reconciler.spec.export import DRAFT, HOME, documents, schema_text, write_or_check


def everything() -> dict[str, str]:
    """The files of `schemas/`: names and contents, the same on every run."""
    files = {**documents(), "Workspace.json": schema_text(WorkspaceDocument, "Workspace.json")}
    files["Approval.json"] = output_text(ApprovalDocument, "Approval.json")
    files["Checkpoint.json"] = output_text(CheckpointDocument, "Checkpoint.json")
    files["output/ChangeSet.json"] = output_text(ChangeSetDocument, "output/ChangeSet.json")
    files["output/PromptResult.json"] = output_text(PromptResult, "output/PromptResult.json")
    for shape in (*SHAPES, *ACCOUNT_SHAPES, *LIVE_SHAPES):
        name = f"output/{shape.model_fields['kind'].default}.json"
        files[name] = output_text(shape, name)
    return dict(sorted(files.items()))


def output_text(model: type[BaseModel], name: str) -> str:
    """The JSON Schema of what is printed. Unlike in specs every key is there, and null where there is nothing."""
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    whole = {"$schema": DRAFT, "$id": f"{HOME}/{name}", "title": model.__name__, **schema}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a folder; the exit code."""
    return write_or_check(everything(), arguments)


if __name__ == "__main__":
    sys.exit(main())
