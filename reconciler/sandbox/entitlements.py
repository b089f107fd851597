"""`/entitlements`: what purchases give. Files that are named by an id nobody was given are taken on trust."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json, not_implemented
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import (
    Count,
    Description,
    Interval,
    Metadata,
    Strict,
    Text,
    check,
    check_query,
    invalid,
    read_body,
    read_choice,
    read_page,
)

KIND = "entitlement"
INTEGRATIONS = (
    "discord", "telegram", "github", "figma", "framer", "notion", "digital_files", "license_key", "feature_flag",
)  # fmt: skip
Integration = Literal[
    "discord", "telegram", "github", "figma", "framer", "notion", "digital_files", "license_key", "feature_flag"
]


class FeatureFlagConfig(Strict):
    """A feature of the merchant's application."""

    feature_id: Text
    feature_type: Literal["boolean"]


class LicenseKeyConfig(Strict):
    """Keys: how often each can be activated and how long it is valid."""

    activations_limit: Count | None = None
    activation_message: Annotated[str, Field(max_length=2500)] | None = None
    duration_count: Count | None = None
    duration_interval: Interval | None = None
    fulfillment_mode: Literal["auto", "manual"] | None = None


class GithubConfig(Strict):
    """Access to a repository or organisation."""

    target_id: Text
    permission: Literal["pull", "push", "admin", "maintain", "triage"]


class DiscordConfig(Strict):
    """Membership of a server."""

    guild_id: Text
    role_id: str | None = None


class TelegramConfig(Strict):
    """Membership of a chat."""

    chat_id: Text


class FigmaConfig(Strict):
    """A file."""

    figma_file_id: Text


class FramerConfig(Strict):
    """A template."""

    framer_template_id: Text


class NotionConfig(Strict):
    """A template."""

    notion_template_id: Text


class DigitalFilesConfig(Strict):
    """Files by id; answers show them resolved."""

    digital_file_ids: list[Text]
    external_url: str | None = None
    instructions: str | None = None
    legacy_file_ids: list[str] | None = None


_PLAIN: dict[str, type[Strict]] = {
    "feature_flag": FeatureFlagConfig,
    "github": GithubConfig,
    "discord": DiscordConfig,
    "telegram": TelegramConfig,
    "figma": FigmaConfig,
    "framer": FramerConfig,
    "notion": NotionConfig,
}


class CreateEntitlement(Strict):
    """The body of `POST /entitlements`."""

    name: Text
    integration_type: Integration
    integration_config: dict[str, Any]
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)


class PatchEntitlement(Strict):
    """The body of `PATCH /entitlements/{id}`: what is left out is kept."""

    name: Text | None = None
    description: Description | None = None
    integration_config: dict[str, Any] | None = None
    metadata: Metadata | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateEntitlement)
    moment = format_time(call.now)
    body: JSONObject = {
        "id": new_id("ent_"),
        "business_id": BUSINESS,
        "name": request.name,
        "description": request.description,
        "integration_type": request.integration_type,
        "integration_config": _config(call.store, request.integration_type, request.integration_config),
        "is_active": True,
        "metadata": request.metadata,
        "created_at": moment,
        "updated_at": moment,
    }
    call.store.insert(KIND, body["id"], body, call.now)
    call.record(body["id"], "entitlement created", request.model_dump(exclude_unset=True))
    return as_json(body)


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "integration_type", "locale")
    conditions: list[tuple[str, Any]] = [("state = ?", "live")]
    if kind := read_choice(call.query, "integration_type", INTEGRATIONS):
        conditions.append(("json_extract(body, '$.integration_type') = ?", kind))
    return as_items(call.store.page(KIND, conditions, **read_page(call.query)))


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, found(call).text.encode())


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchEntitlement)
    body = found(call).body
    if request.name is not None:
        body["name"] = request.name
    if "description" in request.model_fields_set:
        body["description"] = request.description
    if request.integration_config is not None:
        body["integration_config"] = _config(call.store, body["integration_type"], request.integration_config)
    if request.metadata is not None:
        body["metadata"] = request.metadata
    body["updated_at"] = format_time(call.now)
    call.store.replace(KIND, body["id"], body)
    call.record(body["id"], "entitlement changed", request.model_dump(exclude_unset=True))
    return as_json(body)


def delete(call: Call) -> Answer:
    check_query(call)
    stored = found(call)
    call.store.set_state(KIND, stored.id, "deleted")
    call.record(stored.id, "entitlement deleted")
    return Answer()


def _config(store: Store, kind: str, given: dict[str, Any]) -> JSONObject:
    """The configuration as answers show it. Raises Refusal."""
    if kind in _PLAIN:
        return check(given, _PLAIN[kind]).model_dump()
    if kind == "digital_files":
        return _files(store, check(given, DigitalFilesConfig))
    config = check(given, LicenseKeyConfig)
    if (config.duration_count is None) != (config.duration_interval is None):
        raise invalid("integration_config.duration_count", "goes together with duration_interval")
    return config.model_dump() | {"fulfillment_mode": config.fulfillment_mode or "auto"}


def _files(store: Store, config: DigitalFilesConfig) -> JSONObject:
    if config.legacy_file_ids:
        raise not_implemented("integration_config.legacy_file_ids: files of before there were entitlements")
    files = [_file(store, file_id) for file_id in config.digital_file_ids]
    shown = {"files": files, "external_url": config.external_url, "instructions": config.instructions}
    return {"digital_files": shown}


def _file(store: Store, file_id: str) -> JSONObject:
    uploaded = store.find("file", file_id)
    if uploaded is not None:
        return uploaded.body
    return {
        "file_id": file_id,
        "filename": f"{file_id}.bin",
        "download_url": f"https://files.invalid/{file_id}?signature=sandbox",
        "expires_in": 900,
        "content_type": None,
        "file_size": None,
    }


def attached(body: JSONObject) -> list[JSONObject]:
    """The files of a digital one, to be changed in place."""
    files: list[JSONObject] = body["integration_config"]["digital_files"]["files"]
    return files


def found(call: Call) -> Stored:
    """The entitlement of a request. Raises Refusal."""
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None or stored.state != "live":
        raise Refusal(404, "ENTITLEMENT_NOT_FOUND", f'no entitlement "{call.parameters["id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/entitlements", listing),
    Route("POST", "/entitlements", create),
    Route("GET", "/entitlements/{id}", retrieve),
    Route("PATCH", "/entitlements/{id}", change),
    Route("DELETE", "/entitlements/{id}", delete),
)
