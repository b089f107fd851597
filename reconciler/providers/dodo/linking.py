"""Short links: each is made once, below a product, and is there for good: Dodo changes and deletes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Mistake
from reconciler.base.errors import ProviderError, RefusedError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource, Resource, reference
from reconciler.providers.base import Fate, Found, Request
from reconciler.providers.dodo.below import SoFar, refer
from reconciler.providers.dodo.capabilities import PATHS, PRODUCT, SHORT_LINK
from reconciler.providers.dodo.limits import Limit

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client
    from reconciler.spec.kinds.short_link import ShortLink

_LIST = f"{PATHS[PRODUCT]}/short_links"


def short_link_limits(document: ShortLink, parts: tuple[str, ...]) -> Iterator[Limit]:
    """A link leads to one product: of a plan with several prices one is named."""
    if document.spec.plan is not None and ":" not in document.spec.plan and len(parts) > 1:
        names = ", ".join(f"{document.spec.plan}:{part}" for part in parts)
        mistake = Mistake(
            f"{document.spec.plan} has {len(parts)} prices, and a link leads to one",
            code="dodo/short-link",
            at=("spec", "plan"),
            hint=f"write one of {names}",
        )
        yield Limit(mistake)


def short_link(document: ShortLink, address: str, adopt: str | None) -> Resource:
    """The link to the product at an address."""
    wanted = document.spec
    parameters: dict[str, JSON] = {name: wanted.parameters[name] for name in sorted(wanted.parameters)}
    body: Body = {"product_id": reference(address), "slug": wanted.slug, "parameters": parameters}
    notes = ("a short link cannot be changed or deleted at Dodo: it leads there for good",)
    own = f"ShortLink/{document.metadata.name}"
    return Resource(own, SHORT_LINK, wanted.slug, body, (address,), adopt, notes)


class ShortLinks:
    """All short links of an account: one list."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """Every link; of ours the parameters are those that were sent, since Dodo may add some of its own."""
        if not so_far.lists.asks(SHORT_LINK):
            return [], {}
        found = []
        for raw in self._listed():
            product_id, slug = str(raw["product_id"]), _slug(raw)
            binding = so_far.bindings.get(f"{product_id}/{slug}")
            kept = (binding.keeps or {}).get("parameters") if binding is not None else None
            body: Body = {
                "product_id": refer(product_id, so_far.addresses),
                "slug": slug,
                "parameters": kept if isinstance(kept, Mapping) else _parameters(raw),
            }
            keeps = binding.keeps if binding is not None else None
            found.append(LiveResource(SHORT_LINK, f"{product_id}/{slug}", slug, body, keeps=keeps))
        so_far.lists.found(SHORT_LINK, len(found))
        return found, {}

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        for page in self._client.pages(_LIST):
            for raw in page:
                if not isinstance(raw.get("product_id"), str) or not isinstance(raw.get("short_url"), str):
                    raise ProviderError("Dodo answered with a short link that cannot be read", retry=True)
                yield raw

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """The one request that makes it; taking it over sends nothing."""
        if change.verb is Verb.ADOPT:
            return Request("GET", _LIST, None)
        if body is None or change.verb not in (Verb.CREATE, Verb.REPLACE):
            raise RefusedError("Dodo changes and deletes no short link", hint="leave it, and make another one")
        sent: dict[str, JSON] = {"slug": body["slug"]}
        if body["parameters"]:
            sent["static_checkout_params"] = body["parameters"]
        return Request("POST", f"{PATHS[PRODUCT]}/{quote(owner, safe='')}/short_links", sent)

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Make it. A slug that is in use is refused: short links of all of Dodo's customers share them, it seems."""
        assert change.after is not None, "nothing is deleted here"
        slug = str(change.after["slug"])
        if request.method == "POST":
            try:
                self._client.write("POST", request.path, request.body)
            except ProviderError as error:
                if error.status == 409:
                    raise ProviderError(
                        f'the slug "{slug}" is taken: {error.message}', status=409, hint="choose another slug"
                    ) from error
                raise
        return f"{owner}/{slug}", {"parameters": change.after["parameters"]}

    def find(self, change: Change, owner: str) -> Found:
        """Its slug tells it apart."""
        assert change.after is not None, "nothing is deleted here"
        slug = str(change.after["slug"])
        for raw in self._listed():
            if _slug(raw) == slug and raw["product_id"] == owner:
                keeps: Body = {"parameters": change.after["parameters"]}
                made = LiveResource(SHORT_LINK, f"{owner}/{slug}", change.title, change.after, keeps=keeps)
                return Found(Fate.DONE, made)
        return Found(Fate.NOT_DONE)


def _slug(raw: Mapping[str, Any]) -> str:
    return urlsplit(str(raw["short_url"])).path.rstrip("/").rpartition("/")[2]


def _parameters(raw: Mapping[str, Any]) -> dict[str, JSON]:
    return dict(sorted(parse_qsl(urlsplit(str(raw.get("full_url") or "")).query)))
