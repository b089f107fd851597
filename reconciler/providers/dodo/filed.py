"""The files that specs give to customers, as far as the specs say it: each is below its entitlement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.base.canonical import Body
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import FILE

_UNSAID = re.compile(r"[^A-Za-z0-9._+-]+", re.ASCII)


def file_resources(paths: Sequence[str], owner: Resource) -> Iterator[Resource]:
    """Each file of the workspace that an entitlement gives; customers see its name alone."""
    for path in sorted(paths):
        name = path.rpartition("/")[2]
        body: Body = {"of": reference(owner.address), "name": name, "file": path, "sha256": None, "size": None}
        yield Resource(f"{owner.address}:{_label(name)}", FILE, f"{owner.title}: {name}", body, (owner.address,))


def _label(name: str) -> str:
    """A name as it can stand in an address; where it cannot, with what tells it from others that look like it there."""
    plain = _UNSAID.sub("-", name)
    if plain == name:
        return name
    import hashlib  # few names ask for it

    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
