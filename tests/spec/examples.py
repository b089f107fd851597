"""Specs that tests share: one document of each kind, valid together."""

METER = """\
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata:
  name: api-calls
spec:
  title: API calls
  unit: call
  event: api.call
  aggregation: {type: count}
  filter:
    match: all
    conditions:
      - {property: status, operator: equals, value: ok}
      - {property: size, operator: greater-than, value: 100}
      - {property: cached, operator: equals, value: false}
"""

PLAN = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: pro
spec:
  title: Pro
  description: |
    For teams
    that grow.
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
    annual: {discount: 20%, of: monthly, every: year}
  trial: {days: 14, card: optional, via: checkout}
  usage:
    - meter: api-calls
      rate: 0.002 USD
      included: {units: 10000, per: month, pooled: true}
  features:
    - Unlimited projects
    - "Support: by people"
"""

DISCOUNT = """\
apiVersion: ratecard.dev/v1alpha1
kind: Discount
metadata:
  name: launch
spec:
  code: LAUNCH20
  percent: 20%
  plans: [pro, "pro:monthly"]
  customers: first-time
  cycles: 3
  limits: {total: 100}
  endsAt: "2027-01-01T00:00:00Z"
"""

WEBHOOK = """\
apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata:
  name: billing
spec:
  url: alias:events
  events: [subscription.active, "payment.*"]
"""

PRODUCT = """\
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata:
  name: handbook
spec:
  title: Handbook
  taxCategory: e-book
  payWhatYouWant: {minimum: 5 USD, suggested: 19.50 USD}
  features:
    - 200 pages
"""

COMMITTED = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata:
  name: committed
spec:
  title: Committed
  taxCategory: saas
  commitments:
    - {meter: api-calls, fee: 500 USD, included: 500000, rate: 0.002 USD, every: month}
    - {name: scale, meter: api-calls, fee: 2000 USD, included: 4000000, rate: 0.0005 USD, every: month}
"""

REGIONAL = """\
apiVersion: ratecard.dev/v1alpha1
kind: RegionalPricing
metadata:
  name: emerging
spec:
  plans: [pro]
  products: [handbook]
  prices:
    - {countries: [IN, BR], percent: 40%}
    - {countries: ["NO"], percent: 12.5%}
  rounding: up
"""

CREDIT = """\
apiVersion: ratecard.dev/v1alpha1
kind: Credit
metadata:
  name: ai-tokens
spec:
  title: AI tokens
  unit: token
  expiresAfterDays: 90
  rollover: {percent: 50%, within: 3 months, times: 2}
"""

ENTITLEMENT = """\
apiVersion: ratecard.dev/v1alpha1
kind: Entitlement
metadata:
  name: desktop-key
spec:
  title: Desktop key
  licenceKey: {activations: 3, validFor: year}
"""

REFUND = """\
apiVersion: ratecard.dev/v1alpha1
kind: Refund
metadata:
  name: outage-acme
spec:
  customer: billing@acme-corp.example
  payment: last
  amount: 12.50 USD
  reason: Service outage on March 15
  message:
    subject: Your refund
    text: |
      We gave back {amount} of the {paid} that you paid on {date}.
"""

CREDIT_GRANT = """\
apiVersion: ratecard.dev/v1alpha1
kind: CreditGrant
metadata:
  name: late-onboarding
spec:
  customers: [widget-inc]
  amount: 150 USD
  reason: The delayed onboarding
  note: account manager approved
  notify: true
"""

CANCELLATION = """\
apiVersion: ratecard.dev/v1alpha1
kind: Cancellation
metadata:
  name: end-of-pro
spec:
  select:
    plans: ["pro:monthly"]
    countries: [EU, CH]
    signedUpBefore: "2026-01-01T00:00:00Z"
    except:
      customers: [cus_9, ceo@acme-corp.example]
  when: next_renewal
"""

PAUSE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Pause
metadata:
  name: summer
spec:
  subscription: sub_1
  reason: They asked for a break
"""

TRIAL_EXTENSION = """\
apiVersion: ratecard.dev/v1alpha1
kind: TrialExtension
metadata:
  name: one-more-week
spec:
  select: {plans: [pro]}
  days: 7
"""

DISCOUNT_GRANT = """\
apiVersion: ratecard.dev/v1alpha1
kind: DiscountGrant
metadata:
  name: thank-you
spec:
  select: {payingAtLeast: 40 USD, payingAtMost: 100 USD}
  discount: launch
"""

MIGRATION = """\
apiVersion: ratecard.dev/v1alpha1
kind: PlanMigration
metadata:
  name: to-annual
spec:
  from: ["pro:monthly"]
  to: pro:annual
  select: {countries: [US], signedUpBefore: "2026-01-01T00:00:00Z"}
  when: now
  proration: prorated
  customPrices: leave-out
  waves: {canary: 1%, size: 500}
  stop: {maxMrrDelta: 1000 USD, maxPerCustomerDelta: 10 USD, maxMoved: 5%}
"""

ACTIONS = [REFUND, CREDIT_GRANT, CANCELLATION, PAUSE, TRIAL_EXTENSION, DISCOUNT_GRANT, MIGRATION]
ALL = "---\n".join([METER, PLAN, DISCOUNT, WEBHOOK, PRODUCT, COMMITTED, REGIONAL, CREDIT, ENTITLEMENT, *ACTIONS])
