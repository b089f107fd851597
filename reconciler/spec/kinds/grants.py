"""What plans and products have in common: the credits and entitlements that a purchase gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.credit import GivenCredit
from reconciler.spec.kinds.fields import Reference


def granted(grants: Sequence[GivenCredit], entitlements: Sequence[str]) -> Iterator[Reference]:
    """The references of `spec.credits` and `spec.entitlements`."""
    for index, grant in enumerate(grants):
        yield Reference("Credit", grant.credit, ("spec", "credits", index, "credit"))
    for index, name in enumerate(entitlements):
        yield Reference("Entitlement", name, ("spec", "entitlements", index))


def sold(brand: str | None, addons: Sequence[str] = ()) -> Iterator[Reference]:
    """The references of `spec.brand` and `spec.addons`."""
    if brand is not None:
        yield Reference("Brand", brand, ("spec", "brand"))
    for index, name in enumerate(addons):
        yield Reference("Addon", name, ("spec", "addons", index))


def addon_mistakes(addons: Sequence[str]) -> Iterator[Mistake]:
    """The same add-on twice."""
    for index, name in enumerate(addons):
        if name in addons[:index]:
            yield Mistake(f'"{name}" is named twice', code="addons/twice", at=("spec", "addons", index))


def grant_mistakes(grants: Sequence[GivenCredit], entitlements: Sequence[str]) -> Iterator[Mistake]:
    """The same credit or entitlement twice."""
    names = [grant.credit for grant in grants]
    for index, name in enumerate(names):
        if name in names[:index]:
            hint = "write the sum of both"
            at = ("spec", "credits", index, "credit")
            yield Mistake(f'"{name}" is granted twice', code="grants/twice", hint=hint, at=at)
    for index, name in enumerate(entitlements):
        if name in entitlements[:index]:
            yield Mistake(f'"{name}" is named twice', code="grants/twice", at=("spec", "entitlements", index))
