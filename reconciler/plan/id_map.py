"""The map from addresses to a provider's ids, as code that applications import instead of an id that somebody copied.

The same bindings give the same bytes, whatever their order. Addresses are the same in every account; ids are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from reconciler.plan.change_set import AccountIdentity
from reconciler.plan.resource import Binding

_MADE = "Made by `ratecard ids --format {style} --account {account}`. Do not edit: make it again after an apply."


def ids_by_address(bindings: Mapping[str, Binding]) -> dict[str, str]:
    """Provider ids by address, in the order of addresses; what is a part of an object has no id that others know."""
    return {address: bindings[address].id for address in sorted(bindings) if "/" not in bindings[address].id}


def as_json(ids: Mapping[str, str], account: AccountIdentity) -> str:
    """A JSON document of the shape `IdMap`."""
    document = {
        "apiVersion": "ratecard.dev/v1alpha1",
        "kind": "IdMap",
        "account": account.name,
        "provider": account.provider,
        "mode": account.mode,
        "ids": dict(sorted(ids.items())),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_typescript(ids: Mapping[str, str], account: AccountIdentity) -> str:
    """A TypeScript module: `ids`, constant to the letter, with the types `Address` and `Id`."""
    rows = [f"  {_quoted(address)}: {_quoted(ids[address])}," for address in sorted(ids)]
    value = "\n".join(["{", *rows, "}"]) if rows else "{}"
    return (
        f"// {_MADE.format(style='typescript', account=account.name)}\n\n"
        f"export const ids = {value} as const;\n\n"
        "/** What is sold, by the name that the specs give it: the same in every account. */\n"
        "export type Address = keyof typeof ids;\n\n"
        "/** The provider's id of one of them, in this account. */\n"
        "export type Id = (typeof ids)[Address];\n"
    )


def as_python(ids: Mapping[str, str], account: AccountIdentity) -> str:
    """A Python module: `IDS`, read-only, with the type `Address` of the keys that it has."""
    addresses = sorted(ids)
    names = "".join(f"\n    {_python(address)}," for address in addresses)
    kind = f"Literal[{names}\n]" if names else "Never"
    rows = "".join(f"\n        {_python(address)}: {_python(ids[address])}," for address in addresses)
    value = f"{{{rows}\n    }}" if rows else "{}"
    typing = "Final, Literal, TypeAlias" if names else "Final, Never, TypeAlias"
    return (
        f'"""{_MADE.format(style="python", account=account.name)}"""\n\n'
        "from collections.abc import Mapping\n"
        "from types import MappingProxyType\n"
        f"from typing import {typing}\n\n"
        "# What is sold, by the name that the specs give it: the same in every account.\n"
        f"Address: TypeAlias = {kind}\n\n"
        "# The provider's id of each, in this account.\n"
        f"IDS: Final[Mapping[Address, str]] = MappingProxyType(\n    {value}\n)\n"
    )


STYLES: Mapping[str, Callable[[Mapping[str, str], AccountIdentity], str]] = {
    "json": as_json,
    "typescript": as_typescript,
    "python": as_python,
}


def _quoted(text: str) -> str:
    """Text as a string of TypeScript, in ASCII."""
    return json.dumps(text)


def _python(text: str) -> str:
    """Text as a string of Python, in ASCII: beyond the basic plane JSON has two escapes, which Python never joins."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isascii() else f"\\U{ord(character):08x}" for character in plain)
