"""The images that specs name, as far as the specs say it: a file for each object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.base.canonical import Body
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import IMAGE


def image_resources(image: str | None, kind: str, owners: Sequence[Resource]) -> Iterator[Resource]:
    """The image of each object that a spec with an image comes to."""
    if image is None:
        return
    for owner in owners:
        body: Body = {"of": reference(owner.address), "object": kind, "file": image, "sha256": None}
        address = f"{owner.address}{'.' if ':' in owner.address else ':'}image"
        yield Resource(address, IMAGE, f"{owner.title}: image", body, (owner.address,))
