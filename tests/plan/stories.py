"""Random stories of an account, each told by the number that it grew from: the same number is the same story."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from reconciler.plan.change_set import Change
from reconciler.plan.resource import Owner, Resource
from reconciler.testing.builders import code, gauge, hook, product
from reconciler.testing.simulation import SimulatedAccount

GAUGES = ("calls", "files", "seats")
PRODUCTS = ("basic", "pro", "team", "vault")
CODES = ("autumn", "launch")


def some(random: Random, names: tuple[str, ...], chance: float = 0.6) -> list[str]:
    return [name for name in names if random.random() < chance]


def random_specs(random: Random) -> list[Resource]:
    """What specs might ask for: references only to what is asked for too, in any order."""
    gauges = some(random, GAUGES)
    products = some(random, PRODUCTS)
    wanted = [gauge(n, event=random.choice("ab"), title=random.choice(["One", "Two"]) + n) for n in gauges]
    for name in products:
        counted = some(random, tuple(gauges), 0.4)
        wanted.append(product(name, amount=random.choice([100, 200]), gauges=counted, title=random.choice("xy")))
    wanted += [
        code(name, percent=random.choice([10, 20]), products=some(random, tuple(products), 0.4))
        for name in some(random, CODES)
    ]
    if random.random() < 0.4:
        wanted.append(hook("events", url=f"https://example.com/{random.choice('ab')}"))
    random.shuffle(wanted)
    return wanted


def populate(account: SimulatedAccount, random: Random) -> None:
    """Objects that are none of ours."""
    for number in range(random.randrange(3)):
        account.put("gauge", {"name": f"Theirs {number}", "event": random.choice("ab")})
        owner = Owner("other", "Plan/pro") if random.random() < 0.5 else None
        account.put("product", {"name": "Pro", "price": {"type": "plain", "amount": 4900, "gauges": []}}, owner=owner)


def meddle(account: SimulatedAccount, random: Random) -> None:
    """What people do to our objects at the provider's dashboard: change, archive, delete."""
    for address, binding in sorted(account.bound.items()):
        item = account.objects.get(binding.id)
        if item is None or random.random() < 0.7:
            continue
        match random.randrange(3):
            case 0 if item.kind == "product":
                account.objects[item.id] = replace(item, body={**item.body, "name": "changed by hand"})
            case 1 if account.capabilities.kinds[item.kind].removal == "archive":
                account.objects[item.id] = replace(item, archived=True)
            case 2:
                del account.objects[item.id]
            case _:
                assert address  # left alone


def tell(changes: tuple[Change, ...]) -> str:
    """Changes for a person who reads a failure."""
    return "\n".join(
        f"  {c.key} ({c.id}) {c.before} -> {c.after} needs {list(c.needs)} ids {c.ids} undo {c.reverse.undo}"
        for c in changes
    )
