"""A workspace as companies have them, of any size: of ten specs six plans, two discounts, a meter and a webhook.

Only the standard library: whoever measures others stays small.
"""

from __future__ import annotations

from pathlib import Path

DOCUMENTS_A_FILE = 20
MIX = ("Meter", "Plan", "Plan", "Discount", "Plan", "Plan", "Webhook", "Plan", "Discount", "Plan")

_HEAD = """\
apiVersion: ratecard.dev/v1alpha1
kind: {kind}
metadata:
  name: {name}
  labels:
    team: growth-{team}
    tier: standard
spec:
"""

_METER = """\
  title: API calls of product {index}
  description: Calls that were answered, without those of {whom}.
  unit: call
  event: product_{index}.call
  aggregation:
    type: {aggregation}
  filter:
    match: all
    conditions:
      - property: status
        operator: equals
        value: ok
      - property: size
        operator: greater-than
        value: 100
      - property: cached
        operator: equals
        value: false
      - property: region
        operator: not-equals
        value: "test"
"""

_PLAN = """\
  title: Product {index}, edition {edition}
  description: For teams that grow, with the limits that they need in month {edition}.
  taxCategory: {tax}
  prices:
    monthly:
      amount: {dollars}.00 USD
      every: month
    annual:
      discount: 20%
      of: monthly
      every: year
  usage:
    - meter: meter-{meter}
      rate: 0.002 USD
      included:
        units: 10000
        per: month
        pooled: true
  features:
    - Unlimited projects
    - "Support: by people, within {edition} hours"
    - Single sign-on
    - Audit log
"""

_DISCOUNT = """\
  title: Launch of product {index}
  code: LAUNCH-{index}
  percent: 15%
  plans:
    - plan-{first}
    - plan-{second}:monthly
  customers: {customers}
  cycles: 3
  limits:
    total: {uses}
    perCustomer: 1
  startsAt: "2026-04-01T00:00:00Z"
  endsAt: "2027-04-01T00:00:00Z"
  keepOnPlanChange: false
"""

_WEBHOOK = """\
  url: https://hooks.example.com/billing/{index}
  description: Books of region {index}{note}
  enabled: true
  events:
    - subscription.active
    - subscription.renewed
    - subscription.on_hold
    - subscription.cancelled
    - subscription.failed
    - subscription.expired
    - subscription.plan_changed
    - {event}
    - payment.failed
    - refund.succeeded
    - refund.failed
    - dispute.opened
    - dispute.won
    - dispute.lost
"""

_WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: bench
spec:
  account: books
  accounts:
    books:
      provider: dodo
      mode: sandbox
      url: {url}
  specs:
    - specs
"""


def document(index: int, *, changed: bool = False, broken: bool = False) -> str:
    """One spec of about 30 lines; `changed` has one other value, `broken` one that is not known."""
    kind = MIX[index % 10]
    head = _HEAD.format(kind=kind, name=f"{kind.lower()}-{index}", team=index % 7)
    if kind == "Meter":
        what = "cuont" if broken else "count"
        return head + _METER.format(index=index, aggregation=what, whom="judges" if changed else "tests")
    if kind == "Plan":
        dollars = 19 + index % 80 + (5 if changed else 0)
        tax = "sas" if broken else "saas"
        return head + _PLAN.format(
            index=index, edition=index % 12 + 1, dollars=dollars, tax=tax, meter=index - index % 10
        )
    if kind == "Discount":
        base = index - index % 10
        return head + _DISCOUNT.format(
            index=index,
            first=base + 1,
            second=base + 2,
            customers="firsttime" if broken else "first-time",
            uses=200 if changed else 100,
        )
    note = ", second half" if changed else ""
    return head + _WEBHOOK.format(index=index, note=note, event="Payment!" if broken else "payment.succeeded")


def write_move(folder: Path, url: str, *, moving: bool) -> None:
    """Write a workspace that sells an old and a new plan, and when `moving` a migration from the one to the other."""
    write_workspace(folder, 0, url)
    plan = "apiVersion: ratecard.dev/v1alpha1\nkind: Plan\nmetadata: {{name: {name}}}\nspec:\n  title: {name}\n"
    plan += "  taxCategory: saas\n  prices: {{monthly: {{amount: {amount} USD, every: month}}}}\n"
    move = "apiVersion: ratecard.dev/v1alpha1\nkind: PlanMigration\nmetadata: {name: move}\n"
    move += 'spec: {from: ["old:monthly"], to: "new:monthly", when: now}\n'
    documents = [plan.format(name="old", amount=49), plan.format(name="new", amount=59), *([move] if moving else [])]
    (folder / "specs" / "move.yaml").write_text("---\n".join(documents), encoding="utf-8")


def write_workspace(folder: Path, count: int, url: str, *, changed_every: int = 0, broken: bool = False) -> None:
    """Write `ratecard.yaml` and `count` specs, 20 to a file. Each `changed_every`th spec is changed, all are broken."""
    (folder / "specs").mkdir(parents=True, exist_ok=True)
    (folder / "ratecard.yaml").write_text(_WORKSPACE.format(url=url), encoding="utf-8")
    for start in range(0, count, DOCUMENTS_A_FILE):
        documents = [
            document(index, changed=changed_every > 0 and index % changed_every == 1 % changed_every, broken=broken)
            for index in range(start, min(start + DOCUMENTS_A_FILE, count))
        ]
        (folder / "specs" / f"{start // DOCUMENTS_A_FILE:05d}.yaml").write_text(
            "---\n".join(documents), encoding="utf-8"
        )
