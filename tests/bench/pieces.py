"""The pieces that are measured, each run in a process of its own: `python -m tests.bench.pieces NAME FOLDER`.

A piece prints one JSON object. `cpu_s` is the processor time of the piece itself: the imports are measured elsewhere.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

PAIRS = 200


def load(folder: Path) -> dict[str, Any]:
    """Load all specs, with their mistakes."""
    from reconciler.spec.load import load_specs

    _validators()
    with _Timed() as timed:
        loaded = load_specs([Path("specs")], root=folder)
    return timed.figures(specs=len(loaded.specs), mistakes=len(loaded.diagnostics))


def _validators() -> None:
    """Import what reads, and build what validates each kind: a part of the start, which is measured with it."""
    from reconciler.engine import understanding, workspace_file
    from reconciler.providers.dodo import lower
    from reconciler.spec.kinds.fields import clean_text
    from reconciler.spec.kinds.registry import KINDS
    from reconciler.spec.models import validator

    assert all((understanding, lower)), "they are imported"
    for model in KINDS.values():
        validator(model, clean_text)
    for model in (*KINDS.values(), workspace_file.WorkspaceDocument):
        validator(model)


def csafe(folder: Path) -> dict[str, Any]:
    """What PyYAML's C loader takes merely to load the same files."""
    import yaml

    count = 0
    with _Timed() as timed:
        for path in sorted((folder / "specs").glob("*.yaml")):
            count += len(list(yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader)))
    return timed.figures(specs=count)


def plan(folder: Path, live: Path) -> dict[str, Any]:
    """A whole plan without the network: load, check, lower, lift the pages of the lists, diff, order, digest."""
    from tests.bench import account

    _validators()
    with _Timed() as timed:
        planned = account.plan_locally(folder, live)
    return timed.figures(changes=len(planned.changes), digest=planned.digest)


def remember(folder: Path, live: Path) -> dict[str, Any]:
    """Fill the index, as a plan does."""
    from tests.bench import account

    return {"changes": len(account.plan_locally(folder, live, indexed=True).changes)}


def recall(folder: Path) -> dict[str, Any]:
    """What the specs ask for, from the index."""
    from tests.bench import account

    with _Timed() as timed:
        desired = account.desired_in(folder, indexed=True)
        assert len(desired.resources), "they are asked for, each of them"
    return timed.figures(specs=desired.count)


def warm_plan(folder: Path, live: Path) -> dict[str, Any]:
    """A whole plan without the network, of specs from the index."""
    from tests.bench import account

    with _Timed() as timed:
        planned = account.plan_locally(folder, live, indexed=True)
    return timed.figures(changes=len(planned.changes), digest=planned.digest)


def diff(folder: Path, live: Path) -> dict[str, Any]:
    """Only the comparison, of sides that are there already."""
    from tests.bench import account

    sides = account.both_sides(folder, live)
    with _Timed() as timed:
        found = sides.diff()
    assert not found.problems, "the workload has no problems"
    return timed.figures(changes=len(found.changes), unchanged=found.unchanged)


def decide(folder: Path, live: Path) -> dict[str, Any]:
    """Only what is decided of a pair: whether its bodies are equal, and if not, whether by an update or a replace."""
    from reconciler.plan.matching import changed_immutable
    from reconciler.plan.resource import same_value
    from reconciler.providers.dodo.capabilities import CAPABILITIES
    from tests.bench import account

    sides = account.both_sides(folder, live)
    kinds = [CAPABILITIES.kinds[one.kind] for one in sides.desired.resources]
    triples = list(zip(sides.pairs(), kinds, strict=True))
    changed = 0
    with _Timed() as timed:
        for (before, after), kind in triples:
            if not same_value(before, after):
                changed_immutable(before, after, kind)
                changed += 1
    return timed.figures(pairs=len(triples), changed=changed)


def deepdiff(folder: Path, live: Path) -> dict[str, Any]:
    """DeepDiff on up to 200 pairs, the changed ones where there are any: CPU seconds a pair."""
    from deepdiff import DeepDiff

    from tests.bench import account

    pairs = account.both_sides(folder, live).pairs()
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    step = max(1, len(differing or pairs) // PAIRS)
    sample = (differing or pairs)[::step][:PAIRS]
    with _Timed() as timed:
        for before, after in sample:
            DeepDiff(before, after, view="tree", verbose_level=2)
    return timed.figures(pairs=len(sample), changed=len(differing))


def read_account(folder: Path) -> dict[str, Any]:
    """Plan through the engine against the account of the workspace: requests by the sandbox's own count."""
    from tests.bench import account

    return account.plan_through_engine(folder)


def apply_account(folder: Path) -> dict[str, Any]:
    """Plan, approve and apply through the engine."""
    from tests.bench import account

    return account.apply_through_engine(folder)


def plant(folder: Path) -> dict[str, Any]:
    """Put what the specs ask for into the sandbox as a seed, and its bindings into the journal."""
    from tests.bench import account

    return account.plant(folder)


def subscribe(folder: Path, count: Path) -> dict[str, Any]:
    """Let so many people subscribe to what the specs sell."""
    from tests.bench import account

    return account.subscribe(folder, int(count.name))


def save_pages(folder: Path, live: Path) -> dict[str, Any]:
    """Keep the pages of the account's lists, and the bindings, as files."""
    from tests.bench import account

    return account.save_pages(folder, live)


def overhead(folder: Path) -> dict[str, Any]:
    """Apply through the engine with a provider that answers at once, beside the same entries merely committed."""
    from tests.bench import overhead as measured

    return measured.measure(folder)


class _Timed:
    def __enter__(self) -> Self:
        self._began = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._took = time.process_time() - self._began

    def figures(self, **more: Any) -> dict[str, Any]:
        return {"cpu_s": self._took, **more}


PIECES: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function
    for function in (
        load,
        csafe,
        plan,
        remember,
        recall,
        warm_plan,
        diff,
        decide,
        deepdiff,
        read_account,
        apply_account,
        subscribe,
        plant,
        save_pages,
        overhead,
    )
}


if __name__ == "__main__":
    print(json.dumps(PIECES[sys.argv[1]](*map(Path, sys.argv[2:]))))  # noqa: T201 - the answer of this process
