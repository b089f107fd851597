"""Accounts as people leave them: objects of every kind with any of their fields, made by hand in no great order.

Bodies are in the provider's own terms, since nobody asked us when they were made: most of them specs can say, some not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

JSON = Any
Post = Callable[[str, Mapping[str, JSON]], Mapping[str, JSON]]
Maker = Callable[[], JSON]

WORDS = ("Alpha", "Größe", "日本", "A: b # c", "yes", "3.5", "it's", 'Say "hi"', "Ω—2", "null", "- x")
CURRENCIES = ("USD", "EUR", "JPY", "GBP")
TAXES = ("saas", "digital_products", "e_book", "edtech", "live_tutoring")
EVENTS = ("payment.succeeded", "payment.failed", "refund.succeeded", "subscription.active", "subscription.on_hold")
OPERATORS = (
    "equals", "not_equals", "greater_than", "greater_than_or_equals", "less_than", "less_than_or_equals",
    "contains", "does_not_contain",
)  # fmt: skip
BILLING = (
    "prorated_immediately", "full_immediately", "difference_immediately", "do_not_bill",
    "prorated_immediately_keep_cycle",
)  # fmt: skip
COUNTRIES = ("IN", "BR", "NO", "PL", "US", "ZA", "DE")
FOREVER = {"subscription_period_count": 20, "subscription_period_interval": "Year"}


class RandomAccount:
    """Fills an account through `post`, which makes one object and gives what was answered.

    `odd` is how often something is made that no spec can say, such as conditions inside conditions.
    """

    def __init__(self, random: Random, post: Post, odd: float = 0.04) -> None:
        self._random, self._post, self._odd = random, post, odd
        self._number = 0
        self._made: dict[str, list[str]] = {}
        self._loose: list[str] = []  # products that are in no collection

    def fill(self, count: int) -> int:
        """Make about so many objects, what others refer to first. Returns how many there are."""
        shares: Sequence[tuple[Callable[[], None], float]] = (
            (self._meter, 0.12),
            (self._credit, 0.08),
            (self._entitlement, 0.12),
            (self._brand, 0.04),
            (self._addon, 0.08),
            (self._family, 0.10),
            (self._product, 0.22),
            (self._collection, 0.03),
            (self._discount, 0.11),
            (self._webhook, 0.05),
        )
        for make, share in shares:
            for _ in range(max(1, round(count * share))):
                make()
        return sum(map(len, self._made.values()))

    # What there is

    def _meter(self) -> None:
        how = self._one("count", "sum", "max", "last")
        body = {
            "name": self._title(),
            "event_name": f"{self._word()}.{self._next()}",
            "aggregation": {"type": how} | ({} if how == "count" and not self._oddly() else {"key": self._word()}),
            "measurement_unit": self._one("call", "GB", "日"),
        }
        self._make("/meters", body | self._some(description=self._text, filter=self._filter))

    def _filter(self) -> JSON:
        inner: list[JSON] = [self._condition() for _ in range(self._random.randint(1, 3))]
        if self._oddly():
            inner = [{"conjunction": "or", "clauses": inner}]
        return {"conjunction": self._one("and", "or"), "clauses": inner}

    def _condition(self) -> JSON:
        values = ["ok", "true", True, 100, -1, 0] + ([0.5] if self._oddly() else [])
        return {"key": self._word(), "operator": self._one(*OPERATORS), "value": self._one(*values)}

    def _credit(self) -> None:
        body: dict[str, JSON] = {
            "name": f"{self._word()} {self._next()}",
            "unit": self._one("token", "minute"),
            "precision": self._random.randint(0, 10),
            "overage_enabled": False,
        }
        body |= self._rollover() | self._some(description=self._text, expires_after_days=self._count)
        if self._oddly():
            body |= {"overage_enabled": True, "price_per_unit": "0.5", "currency": "USD"}
            body |= self._some(overage_limit=self._count, overage_behavior=lambda: "invoice_at_billing")
        self._make("/credit-entitlements", body)

    def _rollover(self) -> dict[str, JSON]:
        if self._random.random() < 0.5:
            return {"rollover_enabled": False}
        lasts = {"rollover_timeframe_count": self._count(), "rollover_timeframe_interval": self._one("Month", "Week")}
        return {
            "rollover_enabled": True,
            "rollover_percentage": self._random.randint(1, 100),
            **(lasts if self._random.random() < 0.5 else {}),
            **self._some(max_rollover_count=self._count),
        }

    def _entitlement(self) -> None:
        kind, config = self._one(*self._configs().items())
        body = {"name": self._title(), "integration_type": kind, "integration_config": config}
        self._make("/entitlements", body | self._some(description=self._text, metadata=self._metadata))

    def _configs(self) -> Mapping[str, JSON]:
        lasts = {"duration_count": self._count(), "duration_interval": self._one("Day", "Month", "Year")}
        return {
            "license_key": self._some(
                activations_limit=self._count,
                activation_message=self._text,
                fulfillment_mode=lambda: self._one("auto", "manual"),
            )
            | (lasts if self._random.random() < 0.5 else {}),
            "feature_flag": {"feature_id": self._word(), "feature_type": "boolean"},
            "digital_files": {"digital_file_ids": [f"file_{self._next()}" for _ in range(self._random.randint(1, 3))]}
            | self._some(external_url=lambda: "https://acme.example/x", instructions=self._text),
            "github": {"target_id": "acme/handbook", "permission": self._one("pull", "push", "admin")},
            "discord": {"guild_id": str(self._next())} | self._some(role_id=lambda: str(self._next())),
            "telegram": {"chat_id": f"-{self._next()}"},
            "notion": {"notion_template_id": f"n{self._next()}"},
            "figma": {"figma_file_id": f"f{self._next()}"},
            "framer": {"framer_template_id": f"t{self._next()}"},
        }

    def _brand(self) -> None:
        self._make(
            "/brands",
            {"name": f"{self._word()} {self._next()}"}
            | self._some(
                description=self._text,
                url=lambda: "https://acme.example",
                support_email=lambda: f"help{self._next()}@acme.example",
                statement_descriptor=lambda: f"ACME {self._next()}",
            ),
        )

    def _addon(self) -> None:
        name = f"{self._word()} {self._next()}"  # two that are called alike are told of when one is to be renamed
        body = {"name": name, "price": self._random.randint(1, 9000), "currency": self._one(*CURRENCIES)}
        self._make("/addons", body | {"tax_category": self._one(*TAXES)} | self._some(description=self._text))

    def _product(self) -> None:
        price = self._one(self._once, self._recurring, self._usage)()
        body = {"name": self._title(), "tax_category": self._one(*TAXES), "price": price}
        made = self._make("/products", body | self._carried(price["type"]) | self._some(metadata=self._metadata))
        if price["type"] != "one_time_price" or not price.get("pay_what_you_want"):
            self._regional(made, price["currency"])

    def _family(self) -> None:
        """One plan as a monthly and an annual product."""
        base, price = self._title(), self._recurring() | {"payment_frequency_count": 1} | FOREVER
        shared = {"tax_category": self._one(*TAXES)} | self._carried("recurring_price")
        shared.pop("credit_entitlements", None)
        names = self._one(("Monthly", "Annual"), ("(monthly)", "(annual)"), ("- per month", "- per year"))
        for name, every in zip(names, ("Month", "Year"), strict=True):
            own = price | {"payment_frequency_interval": every, "price": self._random.randint(1, 9000)}
            self._make("/products", shared | {"name": f"{base} {name}", "price": own})

    def _carried(self, kind: str) -> dict[str, JSON]:
        """What a product gives and where it belongs, which prices have no part in."""
        body = self._some(
            description=self._text,
            brand_id=lambda: self._any("/brands"),
            entitlements=lambda: [{"entitlement_id": one} for one in self._several("/entitlements")],
            credit_entitlements=lambda: [self._attached(one) for one in self._several("/credit-entitlements")],
        )
        if kind == "recurring_price":
            body |= self._some(addons=lambda: self._several("/addons"))
        if self._oddly():
            body |= {"license_key_enabled": True, "license_key_activation_message": "Welcome"}
            body |= {"license_key_activations_limit": 3, "license_key_duration": {"count": 1, "interval": "Year"}}
        if self._oddly():
            body |= {"digital_product_delivery": {"external_url": "https://acme.example", "instructions": "Read it"}}
        return {name: value for name, value in body.items() if value is not None}

    def _attached(self, credit: str) -> JSON:
        body: dict[str, JSON] = {
            "credit_entitlement_id": credit,
            "credits_amount": str(self._random.randint(1, 10_000)),
        }
        if self._oddly():
            body |= {"low_balance_threshold_percent": 10, "trial_credits": "5", "proration_behavior": "prorate"}
            body |= {"trial_credits_expire_after_trial": True, "expires_after_days": 3, "overage_behavior": None}
        return body

    # Prices

    def _terms(self) -> dict[str, JSON]:
        return {"currency": self._one(*CURRENCIES)} | self._some(
            discount_bps=lambda: self._random.randint(1, 9999),
            tax_inclusive=self._flag,
            purchasing_power_parity=self._flag,
        )

    def _once(self) -> dict[str, JSON]:
        price = {"type": "one_time_price", "price": self._random.randint(1, 9000), **self._terms()}
        if self._random.random() < 0.3:
            price["pay_what_you_want"] = True
            price |= self._some(suggested_price=lambda: price["price"] + self._count())
        return price

    def _cycle(self) -> dict[str, JSON]:
        every = self._one("Day", "Week", "Month", "Year")
        lasts = {"subscription_period_count": self._random.randint(12, 20), "subscription_period_interval": "Year"}
        return {
            "payment_frequency_count": self._random.randint(1, 4),
            "payment_frequency_interval": every,
            **(FOREVER if self._random.random() < 0.6 else lasts),
        }

    def _recurring(self) -> dict[str, JSON]:
        price = {"type": "recurring_price", "price": self._random.randint(0, 9000), **self._terms(), **self._cycle()}
        if self._random.random() < 0.5:
            price["trial_period_days"] = self._random.randint(1, 90)
            if self._random.random() < 0.4:
                price |= {"trial_amount": self._count()} | self._some(trial_apply_discounts=self._flag)
            else:
                price |= self._some(trial_payment_method_optional=self._flag)
        return price | self._some(zero_amount_payment_method_optional=self._flag)

    def _usage(self) -> dict[str, JSON]:
        price = {"type": "usage_based_price", "fixed_price": self._random.randint(0, 9000)}
        return price | self._terms() | self._cycle() | {"meters": [self._line(m) for m in self._several("/meters")]}

    def _line(self, meter: str) -> JSON:
        free = self._some(free_threshold=lambda: self._random.randint(0, 10**6))
        body = {"meter_id": meter} | free
        if self._random.random() < 0.3 and (not free or self._oddly()):
            credit = self._any("/credit-entitlements")
            return body | {"credit_entitlement_id": credit, "meter_units_per_credit": str(self._count())}
        return body | {"price_per_unit": self._one("0.2", "1", "3.5", "0.000000000001", "99999")}

    def _regional(self, product: str, currency: str) -> None:
        if self._random.random() < 0.7:
            return
        by_country = not self._oddly()
        self._change(f"/products/{product}", {"pricing_mode": "by_country" if by_country else "by_currency"})
        for place in self._random.sample(COUNTRIES, self._random.randint(1, 3)):
            other = self._one(*(one for one in CURRENCIES if one != currency))
            body = {"amount": self._random.randint(1, 9000), "currency": other}
            self._make(f"/products/{product}/localized-prices", body | ({"country_code": place} if by_country else {}))
            if not by_country:
                return

    # What refers to products

    def _collection(self) -> None:
        groups: list[JSON] = []
        for _ in range(self._random.randint(1, 3)):
            taken = [self._loose.pop() for _ in range(min(len(self._loose), self._random.randint(1, 4)))]
            if taken:
                hidden = {"status": False} if self._oddly() else {}
                products = [{"product_id": one} | ({"status": False} if self._oddly() else {}) for one in taken]
                groups.append({"group_name": f"Group {self._next()}", "products": products} | hidden)
        if not groups:
            return
        body = {"name": f"{self._word()} {self._next()}", "groups": groups}
        terms = self._some(
            description=self._text,
            brand_id=lambda: self._any("/brands"),
            effective_at_on_upgrade=lambda: self._one("immediately", "next_billing_date"),
            effective_at_on_downgrade=lambda: self._one("immediately", "next_billing_date"),
            proration_billing_mode_on_upgrade=lambda: self._one(*BILLING),
            proration_billing_mode_on_downgrade=lambda: self._one(*BILLING),
            on_payment_failure=lambda: self._one("prevent_change", "apply_change"),
        )
        self._make("/product-collections", body | terms)

    def _discount(self) -> None:
        body: dict[str, JSON] = {"code": f"CODE-{self._next()}", "type": "percentage"}
        body["amount"] = self._random.randint(1, 10_000)
        if self._random.random() < 0.4:
            others = self._random.sample(CURRENCIES, 2 if self._oddly() else 1)
            options = [{"currency": one, "max_amount_possible": self._count()} for one in others]
            options[0] |= {"is_default": True} | self._some(minimum_subtotal=self._count)
            body |= {"type": "flat", "currency_options": options}
        body |= self._some(
            name=self._title,
            restricted_to=lambda: self._several("/products"),
            customer_eligibility=lambda: self._one("any", "first_time", "existing"),
            usage_limit=lambda: self._random.randint(100, 999),
            per_customer_usage_limit=lambda: self._random.randint(1, 99),
            subscription_cycles=self._count,
            starts_at=lambda: f"2026-0{self._random.randint(1, 9)}-01T00:00:00Z",
            expires_at=lambda: f"2099-0{self._random.randint(1, 9)}-01T00:00:00Z",
            preserve_on_plan_change=self._flag,
            metadata=self._metadata,
        )
        self._make("/discounts", body)

    def _webhook(self) -> None:
        events = None if self._oddly() else self._random.sample(EVENTS, self._random.randint(1, 4))
        body = {"url": f"https://acme.example/hooks/{self._next()}", "filter_types": events}
        more = self._some(
            description=self._text, disabled=self._flag, rate_limit=self._count, metadata=lambda: {"theirs": "yes"}
        )
        self._make("/webhooks", body | more)

    # Choosing

    def _make(self, path: str, body: Mapping[str, JSON]) -> str:
        answer = self._post(path, body)
        found = next(str(answer[key]) for key in ("id", "product_id", "discount_id", "brand_id") if key in answer)
        self._made.setdefault(path, []).append(found)
        if path == "/products":
            self._loose.append(found)
        return found

    def _change(self, path: str, body: Mapping[str, JSON]) -> None:
        self._post(path, body)

    def _any(self, path: str) -> str | None:
        found = self._made.get(path)
        return self._random.choice(found) if found else None

    def _several(self, path: str) -> list[str]:
        found = self._made.get(path, [])
        return self._random.sample(found, min(len(found), self._random.randint(1, 3)))

    def _some(self, **fields: Maker) -> dict[str, JSON]:
        """Any of the fields, or none."""
        return {name: make() for name, make in fields.items() if self._random.random() < 0.5}

    def _one(self, *choices: JSON) -> JSON:
        return self._random.choice(choices)

    def _oddly(self) -> bool:
        return self._random.random() < self._odd

    def _flag(self) -> bool:
        return self._random.random() < 0.5

    def _count(self) -> int:
        return self._random.randint(1, 60)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _word(self) -> str:
        return str(self._random.choice(WORDS))

    def _title(self) -> str:
        """A title, now and then one that is there already."""
        return self._word() if self._random.random() < 0.1 else f"{self._word()} {self._next()}"

    def _text(self) -> str:
        return f"{self._word()}\n{self._word()}" if self._random.random() < 0.2 else f"{self._word()} {self._next()}"

    def _metadata(self) -> JSON:
        return {"theirs": self._word(), "count": self._random.randint(1, 9)}
