"""Credits and entitlements at Dodo: what each is, what of them it cannot express, and how products carry them.

From the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Edit, WayOut
from reconciler.base.period import Period
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import CREDIT, ENTITLEMENT
from reconciler.providers.dodo.limits import (
    DESCRIPTION_LIMIT,
    EXACT_INTEGER,
    WORD_LIMIT,
    At,
    Limit,
    refuse,
    too_long,
    warn,
)

if TYPE_CHECKING:
    from reconciler.spec.kinds.credit import Credit, CreditLine, GivenCredit
    from reconciler.spec.kinds.entitlement import Entitlement, EntitlementSpec

UNIT_LIMIT = 50
MESSAGE_LIMIT = 2500
CREDITS_LIMIT = 5
CREDITS_CERTAIN = 3  # the OpenAPI file says 5 credits a product, a page 3
PRECISION_CERTAIN = 3  # the OpenAPI file says 0 to 10 digits, a page 0 to 3

RUNS_OUT = (
    "when the units are used up, Dodo stops nothing: your application asks for the balance of the customer and "
    "refuses use beyond it"
)
IDS_ONLY = "files named by their ids must be at Dodo already: those named by their paths are uploaded"
UPLOADS = "Dodo says that a file is uploaded in one request, and not in which form: try it in test mode first"
PRORATION = "Dodo does not document whether these units are prorated when the plan is changed: try it in test mode"


def credit_limits(document: Credit) -> Iterator[Limit]:
    """What Dodo cannot do of a credit."""
    spec = document.spec
    yield from too_long(spec.title, WORD_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    yield from too_long(spec.unit, UNIT_LIMIT, "the unit", ("spec", "unit"))
    if spec.precision > PRECISION_CERTAIN:
        message = f"{spec.precision} decimal digits: one page of Dodo's allows 10, another {PRECISION_CERTAIN}"
        yield warn("precision", message, ("spec", "precision"), hint="try it in test mode first")
    if spec.rollover is not None and spec.rollover.percent.basis_points % 100:
        message = f"{spec.rollover.percent}: Dodo keeps whole percents of unused units"
        yield refuse("rollover", message, ("spec", "rollover", "percent"), hint="write a whole percent")
    if spec.overage is not None:
        at: At = ("spec", "overage")
        yield refuse(
            "overage-rate",
            f"{spec.overage.rate} for each unit beyond: Dodo does not document whether such a rate is in whole "
            "or in minor units, so a charge could be wrong by a hundred",
            at,
            WayOut("no-overage", "remove overage: use ends with the units", (Edit(at, remove=True),)),
            WayOut("usage", "charge use by a usage line with a rate and included units instead of credits"),
        )


def credit_resource(document: Credit, adopt: str | None) -> Resource:
    """The credit entitlement of a credit."""
    wanted = document.spec
    body: dict[str, JSON] = {
        "name": wanted.title,
        "description": wanted.description,
        "unit": wanted.unit,
        "precision": wanted.precision,
        **_terms(document),
        "overage_behavior": "forgive_at_reset",
        "overage_limit": None,
        "price_per_unit": None,
        "currency": None,
    }
    return Resource(f"Credit/{document.metadata.name}", CREDIT, wanted.title, body, (), adopt)


def _terms(document: Credit) -> dict[str, JSON]:
    """How long units last: the same on the credit and wherever it is granted."""
    wanted, rollover = document.spec, document.spec.rollover
    within = rollover.within if rollover else None
    return {
        "expires_after_days": wanted.expires_after_days,
        "rollover_enabled": rollover is not None,
        "rollover_percentage": rollover.percent.basis_points // 100 if rollover else None,
        "rollover_timeframe_count": within.count if within else None,
        "rollover_timeframe_interval": within.unit.capitalize() if within else None,
        "max_rollover_count": rollover.times if rollover else None,
        "overage_enabled": False,
    }


def entitlement_limits(document: Entitlement) -> Iterator[Limit]:
    """What Dodo cannot do of an entitlement."""
    spec = document.spec
    yield from too_long(spec.title, WORD_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    if spec.licence_key is not None:
        yield from too_long(spec.licence_key.message, MESSAGE_LIMIT, "the message", ("spec", "licenceKey", "message"))


_ELSEWHERE = {
    "github": "GitHub",
    "discord": "Discord",
    "telegram": "Telegram",
    "notion": "Notion",
    "figma": "Figma",
    "framer": "Framer",
}


def _integration(wanted: EntitlementSpec) -> tuple[str, dict[str, JSON]]:
    """What an entitlement is called at Dodo, and its configuration; it gives exactly one thing."""
    key, files = wanted.licence_key, wanted.files
    if key is not None:
        return "license_key", {
            "activations_limit": key.activations,
            "activation_message": key.message,
            "duration_count": key.valid_for.count if key.valid_for else None,
            "duration_interval": key.valid_for.unit.capitalize() if key.valid_for else None,
            "fulfillment_mode": "auto" if key.delivery == "automatic" else "manual",
        }
    if files is not None:
        ids: list[JSON] = [*sorted(files.ids)]
        return "digital_files", {
            "digital_file_ids": ids,
            "external_url": files.link,
            "instructions": files.instructions,
        }
    if wanted.github is not None:
        return "github", {"target_id": wanted.github.target, "permission": wanted.github.permission}
    if wanted.discord is not None:
        return "discord", {"guild_id": wanted.discord.server, "role_id": wanted.discord.role}
    if wanted.telegram is not None:
        return "telegram", {"chat_id": wanted.telegram.chat}
    if wanted.notion is not None:
        return "notion", {"notion_template_id": wanted.notion.template}
    if wanted.figma is not None:
        return "figma", {"figma_file_id": wanted.figma.file}
    if wanted.framer is not None:
        return "framer", {"framer_template_id": wanted.framer.template}
    assert wanted.feature_flag is not None, "an entitlement gives one thing"
    return "feature_flag", {"feature_id": wanted.feature_flag.feature, "feature_type": "boolean"}


def entitlement_resource(document: Entitlement, adopt: str | None) -> Resource:
    """The entitlement of an entitlement."""
    wanted, key = document.spec, document.spec.licence_key
    kind, config = _integration(wanted)
    body: dict[str, JSON] = {
        "name": wanted.title,
        "description": wanted.description,
        "integration_type": kind,
        "integration_config": config,
    }
    notes: tuple[str, ...] = ()
    if key is not None and key.delivery == "manual":
        notes = ("each key is your application's to deliver: Dodo makes a pending grant for each purchase",)
    elif kind in _ELSEWHERE:
        notes = (f"Dodo must be connected to {_ELSEWHERE[kind]} in its dashboard before this can be given",)
    elif wanted.files is not None:
        ids, paths = wanted.files.ids, wanted.files.paths
        notes = (IDS_ONLY,) * bool(ids) + (UPLOADS,) * bool(paths)
    return Resource(f"Entitlement/{document.metadata.name}", ENTITLEMENT, wanted.title, body, (), adopt, notes)


def grant_limits(grants: Sequence[GivenCredit], where: str) -> Iterator[Limit]:
    """What one product can carry."""
    at: At = ("spec", "credits")
    if len(grants) > CREDITS_LIMIT:
        message = f"{len(grants)} credits on {where}; Dodo takes at most {CREDITS_LIMIT} a product"
        yield refuse("credits", message, at, hint="grant fewer")
    elif len(grants) > CREDITS_CERTAIN:
        message = f"{len(grants)} credits on {where}: Dodo's description allows {CREDITS_LIMIT} a product, a page "
        yield warn("credits", f"{message}{CREDITS_CERTAIN}", at, hint="try it in test mode first")


def units_of(line: CreditLine, every: Period) -> int | None:
    """The units that are granted each billing cycle; None where the cycle cannot hold what the spec says."""
    times = every.contains(line.per)
    return line.units * times if times == 1 or (times is not None and line.pooled) else None


def line_limits(line: CreditLine, part: str, every: Period, at: At) -> Iterator[Limit]:
    """Units each period that a billing cycle of Dodo's cannot hold, on one price or commitment."""
    units = units_of(line, every)
    if units is not None:
        if units > EXACT_INTEGER:
            yield refuse("number", f"{units:,} units each {every} are more than can be sent exactly", at)
        return
    times = every.contains(line.per)
    ways_out = []
    if times is not None:
        text = f"pooled: true: {line.units * times:,} units at the beginning of each {every}"
        ways_out.append(WayOut("pooled", text, (Edit((*at, "pooled"), True),)))
    else:
        text = f"per: {every}: so many each {every}, not each {line.per}"
        ways_out.append(WayOut("by-cycle", text, (Edit((*at, "per"), str(every)),)))
    ways_out.append(WayOut("prices", f"prices: on this line, without {part}: it then grants no such units"))
    message = (
        f"{line.units:,} units each {line.per} on {part}, which is billed each {every}: "
        "Dodo grants credits by the billing cycle"
    )
    yield refuse("credits-period", message, at, *ways_out)


def attached(document: Credit, units: int) -> JSON:
    """A credit on a product, with its terms: so it does not matter whether Dodo would inherit them."""
    return {
        "credit_entitlement_id": reference(f"Credit/{document.metadata.name}"),
        "credits_amount": str(units),
        **_terms(document),
    }
