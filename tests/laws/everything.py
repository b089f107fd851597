"""Specs that say all that specs can say of configuration: each field that is sent for them is sent with a value."""

from __future__ import annotations

from pathlib import Path

CUSTOMERS = ("cus_ada", "cus_ben")
FILES = {"files/book.pdf": b"%PDF", "files/one.png": b"\x89PNG"}

EVERYTHING = """\
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: bytes}
spec:
  title: Bytes
  description: What is stored
  unit: byte
  event: stored
  aggregation: {type: sum, property: size}
  filter:
    match: all
    conditions:
      - {property: status, operator: equals, value: ok}
      - {property: size, operator: greater-than, value: 100}
---
kind: Credit
metadata: {name: tokens}
spec:
  title: Tokens
  description: For the assistant
  unit: token
  expiresAfterDays: 90
  rollover: {percent: 50%, within: 3 months, times: 2}
---
kind: Addon
metadata: {name: seat}
spec: {title: Seat, description: One more, image: files/one.png, taxCategory: saas, amount: 5 USD}
---
kind: Brand
metadata: {name: acme}
spec:
  title: Acme
  description: Of Acme
  image: files/one.png
  website: https://acme.example
  supportEmail: help@acme.example
  statementDescriptor: ACME
---
kind: Entitlement
metadata: {name: key}
spec:
  title: Key
  description: A key
  licenceKey: {activations: 3, validFor: 2 years, message: Thank you, delivery: manual}
---
kind: Entitlement
metadata: {name: flag}
spec: {title: Flag, featureFlag: {feature: sso}}
---
kind: Entitlement
metadata: {name: book}
spec:
  title: Book
  files: {paths: [files/book.pdf], ids: [file_1], link: "https://acme.example/book", instructions: Read it}
---
kind: Entitlement
metadata: {name: code}
spec: {title: Code, github: {target: acme/code, permission: pull}}
---
kind: Entitlement
metadata: {name: talk}
spec: {title: Talk, discord: {server: "1", role: "2"}}
---
kind: Entitlement
metadata: {name: chat}
spec: {title: Chat, telegram: {chat: "-100"}}
---
kind: Entitlement
metadata: {name: notes}
spec: {title: Notes, notion: {template: t1}}
---
kind: Entitlement
metadata: {name: drawing}
spec: {title: Drawing, figma: {file: f1}}
---
kind: Entitlement
metadata: {name: site}
spec: {title: Site, framer: {template: t2}}
---
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  description: For teams
  image: files/one.png
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month, standingDiscount: 10%}
    once: {amount: 490 USD, every: year, endsAfter: 2 years}
  trial: {days: 14, card: required, amount: 1 USD, discounts: true}
  tax: included
  purchasingPowerParity: true
  features: [Fast]
  addons: [seat]
  brand: acme
  entitlements: [key, flag, book, code, talk, chat, notes, drawing, site]
  credits: [{credit: tokens, units: 100, per: month, prices: [monthly]}]
---
kind: Plan
metadata: {name: free}
spec:
  title: Free
  taxCategory: saas
  prices: {monthly: {amount: 0 USD, every: month}}
  cardWhenFree: optional
---
kind: Plan
metadata: {name: starter}
spec:
  title: Starter
  taxCategory: saas
  prices: {monthly: {amount: 9 USD, every: month}}
  trial: {days: 7, card: optional}
---
kind: Plan
metadata: {name: usage}
spec:
  title: Usage
  taxCategory: saas
  prices: {monthly: {amount: 9 USD, every: month, standingDiscount: 5%}}
  tax: included
  purchasingPowerParity: true
  usage:
    - {meter: bytes, rate: 0.002 USD, included: {units: 1000, per: month}}
---
kind: Plan
metadata: {name: tokens}
spec:
  title: By token
  taxCategory: saas
  prices: {monthly: {amount: 19 USD, every: month}}
  credits: [{credit: tokens, units: 500, per: month}]
  usage:
    - {meter: bytes, credit: tokens, unitsPerCredit: 10}
---
kind: Product
metadata: {name: book}
spec:
  title: Book
  description: A book
  taxCategory: e-book
  amount: 29 USD
  standingDiscount: 10%
  tax: included
  purchasingPowerParity: true
---
kind: Product
metadata: {name: gift}
spec:
  title: Gift
  taxCategory: e-book
  payWhatYouWant: {minimum: 5 USD, suggested: 20 USD}
---
kind: RegionalPricing
metadata: {name: india}
spec:
  products: [book]
  prices: [{countries: [IN], amount: 900 INR}]
---
kind: Discount
metadata: {name: percent}
spec:
  title: Percent
  code: PERCENT20
  percent: 20%
  plans: [pro]
  customers: specific
  onlyFor: [cus_ada, cus_ben]
  cycles: 3
  limits: {total: 100, perCustomer: 1}
  startsAt: "2026-12-01T00:00:00Z"
  endsAt: "2027-12-01T00:00:00Z"
  keepOnPlanChange: true
---
kind: Discount
metadata: {name: flat}
spec: {code: FLAT5, amount: 5 USD, minimum: 20 USD}
---
kind: Collection
metadata: {name: all}
spec:
  title: All
  description: All of it
  image: files/one.png
  brand: acme
  groups:
    - {title: Plans, plans: [pro]}
    - {title: Others, plans: [free], products: [book]}
  planChange:
    upgrade: {when: now, proration: difference}
    downgrade: {when: next_renewal, proration: none}
    onFailedPayment: keep
---
kind: Webhook
metadata: {name: hook}
spec:
  url: https://acme.example/hooks
  description: Ours
  events: [payment.succeeded]
  enabled: false
  rateLimit: 10
  headers: {X-Team: file:team}
  secret: {to: file:keys/hook}
---
kind: ShortLink
metadata: {name: book}
spec: {product: book, slug: book, parameters: {quantity: "2"}}
---
kind: Translation
metadata: {name: pro}
spec: {plan: "pro:monthly", languages: {de: {title: Pro, description: Für Gruppen}}}
---
kind: Translation
metadata: {name: seat}
spec: {addon: seat, languages: {de: {title: Platz, description: Noch einer}}}
---
kind: Translation
metadata: {name: bytes}
spec: {meter: bytes, languages: {de: {title: Byte, description: Gespeichertes}}}
---
kind: Translation
metadata: {name: all}
spec: {collection: all, languages: {de: {title: Alles, description: Alles zusammen}}}
---
kind: Translation
metadata: {name: tokens}
spec: {credit: tokens, languages: {de: {title: Marken, unit: Marke}}}
---
kind: Translation
metadata: {name: key}
spec: {entitlement: key, languages: {de: {title: Schlüssel, description: Ein Schlüssel, message: Danke}}}
---
kind: Translation
metadata: {name: words}
spec: {entitlement: book, languages: {de: {instructions: Bitte lesen}}}
""".replace("---\n", "---\napiVersion: ratecard.dev/v1alpha1\n")


def put_files(folder: Path) -> None:
    """What lies beside these specs."""
    (folder / "files").mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / "team").write_text("billing")


_GROUPS = """\
    - {title: Plans, plans: [pro]}
    - {title: Others, plans: [free], products: [book]}
"""
_OTHER_GROUPS = """\
    - {title: New, plans: [starter], products: [gift]}
    - {title: Others, plans: [free, "tokens:monthly"], products: [book]}
    - {title: Plans, plans: ["pro:once", "pro:monthly"]}
"""
assert _GROUPS in EVERYTHING
# The same with other groups, in another order, which requests of their own make of the first.
REGROUPED = EVERYTHING.replace(_GROUPS, _OTHER_GROUPS)
