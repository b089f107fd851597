"""Accounts as people leave them: objects of every kind with any of their fields, made by hand in no great order.

Bodies are in the provider's own terms, since nobody asked us when they were made: most of them specs can say, some not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.testing.drawing import BILLING, CURRENCIES, EVENTS, FOREVER, JSON, OPERATORS, OVERAGES, TAXES
from reconciler.testing.drawn_below import DrawnBelow
from reconciler.testing.drawn_prices import DrawnPrices


class RandomAccount(DrawnPrices, DrawnBelow):
    """Fills an account through `send`, which makes one request and gives what was answered.

    `odd` is how often something is made that no spec can say, such as conditions inside conditions.
    """

    def fill(self, count: int, *, below: bool = True) -> int:
        """Make about so many objects, what others refer to first. Returns how many there are.

        With `below` there is also what is below them: images, headers, texts in other languages, short links, and
        lists of customers.
        """
        self._below = below
        shares: Sequence[tuple[Callable[[], None], float]] = (
            (self._meter, 0.12),
            (self._credit, 0.08),
            (self._entitlement, 0.12),
            (self._brand, 0.04),
            (self._addon, 0.08),
            (self._family, 0.10),
            (self._product, 0.22),
            (self._collection, 0.06),
            (self._discount, 0.11),
            (self._webhook, 0.05),
        )
        for make, share in shares:
            for _ in range(max(1, round(count * share))):
                make()
        if below:
            self._hang(count)
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
            if self._flag():
                inner = [{"conjunction": "and", "clauses": inner}]
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
            body |= self._some(overage_limit=self._count, overage_behavior=lambda: self._one(*OVERAGES))
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
        if price["type"] == "one_time_price":
            self._bought_once.add(made)
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
        if self._oddly():
            body |= {"pricing_mode": self._one("by_country", "by_currency")}
        return {name: value for name, value in body.items() if value is not None}

    def _attached(self, credit: str) -> JSON:
        body: dict[str, JSON] = {
            "credit_entitlement_id": credit,
            "credits_amount": str(self._random.randint(1, 10_000)),
        }
        if self._oddly():
            body |= self._some(
                currency=lambda: self._one(*CURRENCIES),
                expires_after_days=self._count,
                low_balance_threshold_percent=self._count,
                max_rollover_count=self._count,
                overage_behavior=lambda: self._one(*OVERAGES),
                overage_enabled=self._flag,
                overage_limit=lambda: str(self._count()),
                price_per_unit=lambda: "0.5",
                proration_behavior=lambda: self._one("prorate", "no_prorate"),
                trial_credits=lambda: str(self._count()),
                trial_credits_expire_after_trial=self._flag,
            )
        if self._oddly():
            body |= {"rollover_timeframe_count": self._count(), "rollover_timeframe_interval": self._one("Day", "Year")}
            body |= self._some(rollover_enabled=self._flag, rollover_percentage=self._count)
        return body

    # What refers to products

    def _collection(self) -> None:
        groups: list[JSON] = []
        for _ in range(self._random.randint(1, 3)):
            taken = [self._loose.pop() for _ in range(min(len(self._loose), self._random.randint(1, 2)))]
            if self._next() % 20:  # in another order now and then, which no spec can say
                taken.sort(key=self._bought_once.__contains__)  # plans first
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
        elif self._oddly():
            body |= {
                "currency_options": [{"currency": "USD", "max_amount_possible": self._count(), "is_default": False}]
            }
        body |= self._some(
            name=self._title,
            restricted_to=lambda: self._several("/products"),
            customer_eligibility=lambda: self._one("any", "first_time", "existing", *self._specific()),
            usage_limit=lambda: self._random.randint(100, 999),
            per_customer_usage_limit=lambda: self._random.randint(1, 99),
            subscription_cycles=self._count,
            starts_at=lambda: f"2026-0{self._random.randint(1, 9)}-01T00:00:00Z",
            expires_at=lambda: f"2099-0{self._random.randint(1, 9)}-01T00:00:00Z",
            preserve_on_plan_change=self._flag,
            metadata=self._metadata,
        )
        made = self._make("/discounts", body)
        if body.get("customer_eligibility") == "specific":
            self._allow(made)

    def _webhook(self) -> None:
        events = None if self._oddly() else self._random.sample(EVENTS, self._random.randint(1, 4))
        body = {"url": f"https://acme.example/hooks/{self._next()}", "filter_types": events}
        more = self._some(
            description=self._text, disabled=self._flag, rate_limit=self._count, metadata=lambda: {"theirs": "yes"}
        )
        self._make("/webhooks", body | more | self._headers())
