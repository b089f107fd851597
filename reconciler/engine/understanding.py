"""From the files of a workspace to what they ask for: loaded, checked against each other, lowered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from reconciler.base.canonical import Body
from reconciler.base.diagnostics import Diagnostic, in_order
from reconciler.engine.config import Workspace
from reconciler.engine.desired import Desired, Given, Specs
from reconciler.plan.lifecycle import Lifecycles, Move, Protection
from reconciler.plan.resource import Resource
from reconciler.providers.base import UNKNOWN_NAME, Provider
from reconciler.spec.check import check
from reconciler.spec.compose import Value
from reconciler.spec.kinds.fields import ALIAS_PREFIX
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.registry import CONFIGURATION, SETTINGS
from reconciler.spec.layers import Layer, LayeredSource, Layers
from reconciler.spec.lifecycle import check_lifecycles, protected_specs, renamed_specs
from reconciler.spec.load import Loaded, Spec, load_files
from reconciler.spec.source import Source

POLICY = "Policy"


def understand(given: Given, workspace: Workspace, provider: Provider) -> Desired:
    """What files ask for.

    An index remembers the result by what is given here, so nothing else may decide it: no time, no environment.
    """
    loaded, layering = _loaded(given, workspace)
    aliases = workspace.spec.aliases
    specs = with_aliases(loaded.specs, aliases)
    lowered = provider.lower(specs)
    resources, ignoring = _without_ignored(specs, lowered.resources, provider)
    diagnostics = [
        *loaded.diagnostics,
        *layering,
        *check(loaded.specs, aliases=aliases, broken=loaded.broken),
        *check_lifecycles(loaded.specs),
        *ignoring,
        # A reference that leads nowhere is told by `check`, which knows the specs that could not be read.
        *(found for found in lowered.diagnostics if found.code != UNKNOWN_NAME),
    ]
    still = CONFIGURATION | SETTINGS | {POLICY}
    acts = any(spec.kind not in still or _moves(spec) for spec in specs)
    lifecycles = Lifecycles(
        tuple(Protection(address, location) for address, location in protected_specs(specs)),
        tuple(Move(*renamed) for renamed in renamed_specs(specs)),
    )
    found = resources, tuple(in_order(diagnostics))
    return Desired(
        *found,
        len(specs),
        # Where nothing is done, nobody but a mistake asks for them again: they are half of what a plan would hold.
        partial(_read, given, workspace, loaded) if acts else partial(read_specs, given, workspace),
        acts,
        lifecycles,
        _layered(loaded.specs),
        lowered.settings,
        policy_in(specs),
    )


def policy_in(specs: Sequence[Spec]) -> Body | None:
    """The policy among specs as it is kept, None where there is none."""
    document = next((spec.document for spec in specs if spec.kind == POLICY), None)
    if document is None:
        return None
    # With all that judges: only where there is something to judge by.
    from reconciler.engine.governing import canonical_policy
    from reconciler.spec.kinds.policy import Policy

    assert isinstance(document, Policy), "looked for above"
    return canonical_policy(document)


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


def read_specs(given: Given, workspace: Workspace) -> Specs:
    """Only the specs of files."""
    return _read(given, workspace, _loaded(given, workspace)[0])


def load_given(given: Given, workspace: Workspace) -> Loaded:
    """The specs of files, whichever overlays of theirs are there; overlays of other specs are left aside."""
    return _loaded(given, workspace)[0]


def _read(given: Given, workspace: Workspace, loaded: Loaded) -> Specs:
    written = load_files(given.files, (), Layers(defaults_in(workspace))) if given.overlays else loaded
    return Specs(tuple(with_aliases(loaded.specs, workspace.spec.aliases)), written.specs)


def _loaded(given: Given, workspace: Workspace) -> tuple[Loaded, list[Diagnostic]]:
    """The specs with what lies under and over them, and what is wrong with that."""
    under = defaults_in(workspace)
    if not given.overlays:
        return load_files(given.files, given.told, Layers(under)), []
    from reconciler.spec.overlays import overlays_in, unmet

    over, told = overlays_in(given.overlays)
    layers = Layers(under, over)
    loaded = load_files(given.files, given.told, layers)
    return loaded, [*told, *unmet(layers, loaded)]


def defaults_in(workspace: Workspace) -> tuple[Layer, ...]:
    """The defaults of `ratecard.yaml` as layers that lie under all specs of a kind."""
    file = workspace.file
    if file is None:
        return ()
    source = Source(file, 0, len(file.data), 0)
    return tuple(
        Layer(
            kind,
            None,
            {"spec": cast("Value", part)},
            source,
            f"the defaults in {file.name}",
            ("spec",),
            ("spec", "defaults", kind),
        )
        for kind, part in workspace.spec.defaults.items()
    )


def _layered(specs: Sequence[Spec]) -> tuple[tuple[str, int], ...]:
    """How many values come from elsewhere than the specs, by what that is called."""
    layered = (spec.source for spec in specs if isinstance(spec.source, LayeredSource))
    counts = Counter(origin for source in layered for _, origin in source.origins())
    return tuple(sorted(counts.items()))


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
