"""Drawing what is below objects: images, headers, texts in other languages, short links, and lists of customers."""

from __future__ import annotations

from reconciler.testing.drawing import JSON, Drawing

LANGUAGES = ("de", "fr", "ja", "pt")
# What can have texts in other languages, with the fields of them, and what can have an image.
TRANSLATED = {
    "/products": ("name", "description"),
    "/meters": ("name", "description"),
    "/addons": ("name", "description"),
    "/product-collections": ("name", "description"),
    "/credit-entitlements": ("name", "unit"),
    "/entitlements": ("name", "description", "activation_message", "instructions"),
}
PICTURED = ("/products", "/addons", "/product-collections", "/brands")


class DrawnBelow(Drawing):
    """What is below objects; without `_below` nothing of it is drawn."""

    _below = True

    def _hang(self, count: int) -> None:
        """Give some objects what is below them."""
        for path, fields in TRANSLATED.items():
            for one in self._share(path, 0.1):
                self._translate(f"{path}/{one}/translations", fields)
        for path in PICTURED:
            for one in self._share(path, 0.05):
                self._change(f"{path}/{one}", {"image_id": self._image(f"{path}/{one}")})
        for one in self._share("/products", 0.05):
            body = {"slug": f"slug-{self._next()}"}
            more = self._some(static_checkout_params=lambda: {"quantity": str(self._count()), "source": self._word()})
            self._send("POST", f"/products/{one}/short_links", body | more)

    def _share(self, path: str, share: float) -> list[str]:
        """So many of what was made at a path, one at least."""
        made = self._made.get(path, [])
        return self._random.sample(made, min(len(made), max(1, round(len(made) * share))))

    def _translate(self, path: str, fields: tuple[str, ...]) -> None:
        for language in self._random.sample(LANGUAGES, self._random.randint(1, 2)):
            said = {name: self._text() for name in fields if self._flag()}
            self._send("PUT", f"{path}/{language}", said or {fields[0]: self._word()})

    def _image(self, path: str) -> JSON:
        return self._send("PUT", f"{path}/images", {})["image_id"]

    def _headers(self) -> dict[str, JSON]:
        if not self._below:
            return {}
        return self._some(headers=lambda: {"X-Shard": str(self._count()), "X-Token": "theirs"})

    def _specific(self) -> tuple[str, ...]:
        """The word for discounts that are for specific customers, of whom there are some then."""
        if not self._below:
            return ()
        while len(self._made.get("/customers", ())) < 5:
            self._person()
        return ("specific",)

    def _person(self) -> None:
        body = {"email": f"someone-{self._next()}@acme.example", "name": self._word()}
        answer = self._send("POST", "/customers", body)
        self._made.setdefault("/customers", []).append(str(answer["customer_id"]))

    def _allow(self, discount: str) -> None:
        if not self._oddly():
            self._send("POST", f"/discounts/{discount}/customers", {"customer_ids": self._several("/customers")})
