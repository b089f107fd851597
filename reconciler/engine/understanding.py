"""From the files of a workspace to what they ask for: loaded, checked against each other, lowered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.base.diagnostics import Diagnostic, in_order
from reconciler.engine.config import Workspace
from reconciler.engine.desired import Desired, Specs
from reconciler.plan.lifecycle import Lifecycles, Move, Protection
from reconciler.plan.resource import Resource
from reconciler.providers.base import UNKNOWN_NAME, Provider
from reconciler.spec.check import check
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.fields import ALIAS_PREFIX
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.registry import CONFIGURATION
from reconciler.spec.lifecycle import check_lifecycles, protected_specs, renamed_specs
from reconciler.spec.load import Spec, load_files


def understand(
    files: Sequence[SourceFile], told: Sequence[Diagnostic], workspace: Workspace, provider: Provider
) -> Desired:
    """What files ask for. `told` is what was said when they were read.

    An index remembers the result by what is given here, so nothing else may decide it: no time, no environment.
    """
    loaded = load_files(files, told)
    aliases = workspace.spec.aliases
    specs = with_aliases(loaded.specs, aliases)
    lowered = provider.lower(specs)
    resources, ignoring = _without_ignored(specs, lowered.resources, provider)
    diagnostics = [
        *loaded.diagnostics,
        *check(loaded.specs, aliases=aliases, broken=loaded.broken),
        *check_lifecycles(loaded.specs),
        *ignoring,
        # A reference that leads nowhere is told by `check`, which knows the specs that could not be read.
        *(found for found in lowered.diagnostics if found.code != UNKNOWN_NAME),
    ]
    acts = any(spec.kind not in CONFIGURATION or _moves(spec) for spec in specs)
    lifecycles = Lifecycles(
        tuple(Protection(address, location) for address, location in protected_specs(specs)),
        tuple(Move(*renamed) for renamed in renamed_specs(specs)),
    )
    read = Specs(tuple(specs), loaded.specs)
    return Desired(resources, tuple(in_order(diagnostics)), len(specs), lambda: read, acts, lifecycles)


def _without_ignored(
    specs: Sequence[Spec], resources: tuple[Resource, ...], provider: Provider
) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """The resources with what their specs ignore; it costs only where any of them does."""
    lifecycles = (spec.document.lifecycle for spec in specs if isinstance(spec.document, ConfigurationDocument))
    if not any(lifecycle is not None and lifecycle.ignore for lifecycle in lifecycles):
        return resources, []
    from reconciler.engine.ignoring import mark_ignored

    return mark_ignored(specs, resources, provider)


def _moves(spec: Spec) -> bool:
    """Whether a plan moves those who subscribe to it when its price changes, at once or later."""
    return isinstance(spec.document, Plan) and spec.document.spec.existing != "keep"


def read_specs(files: Sequence[SourceFile], workspace: Workspace) -> Specs:
    """Only the specs of files."""
    loaded = load_files(files)
    return Specs(tuple(with_aliases(loaded.specs, workspace.spec.aliases)), loaded.specs)


def with_aliases(specs: Sequence[Spec], aliases: Mapping[str, str]) -> list[Spec]:
    """The specs with each `alias:NAME` replaced by the address that the workspace names."""
    return [_with_alias(spec, aliases) for spec in specs]


def _with_alias(spec: Spec, aliases: Mapping[str, str]) -> Spec:
    document = spec.document
    if document.kind != "Webhook" or not document.spec.url.startswith(ALIAS_PREFIX):
        return spec
    target = aliases.get(document.spec.url.removeprefix(ALIAS_PREFIX))
    if target is None:
        return spec  # `check` says so, with its place
    resolved = document.model_copy(update={"spec": document.spec.model_copy(update={"url": target})})
    return Spec(resolved, spec.source)
