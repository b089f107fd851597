"""Drawing prices: three shapes, what they take off, how long they last, and what they are in other countries."""

from __future__ import annotations

from reconciler.testing.drawing import COUNTRIES, CURRENCIES, FOREVER, JSON, Drawing, Maker


class DrawnPrices(Drawing):
    """The prices of products."""

    def _terms(self) -> dict[str, JSON]:
        less: dict[str, Maker] = {"discount_bps": lambda: self._random.randint(1, 9999)}
        if self._oddly():
            less = {"discount": lambda: self._random.randint(1, 99)}  # the older spelling
        return {"currency": self._one(*CURRENCIES)} | self._some(
            **less,
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
