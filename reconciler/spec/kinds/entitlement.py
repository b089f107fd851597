"""Entitlement: what a purchase gives beside the service itself: a licence key, a feature, files, access elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Metadata, Model, PeriodText, SoldFile, Text, Title, Word
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class LicenceKey(Model):
    """A key that the customer is sent, and activates your software with."""

    activations: int | None = Field(default=None, ge=1, le=2**31 - 1, description="For one key; else without limit")
    valid_for: PeriodText | None = Field(default=None, description="Else a key never expires")
    message: Text | None = Field(default=None, description="Shown when the key is activated")
    delivery: Literal["automatic", "manual"] = "automatic"


class FeatureFlag(Model):
    """A feature that your application asks for by its identifier."""

    feature: Word


class Files(Model):
    """Files that the customer can download: of this workspace, or there already."""

    paths: list[SoldFile] = Field(
        default=[],
        max_length=100,
        description="Files of the workspace, such as files/handbook.pdf, uploaded when their bytes change",
    )
    ids: list[Word] = Field(
        default=[], max_length=100, description="Files that are there, by the ids that the provider gave them"
    )
    link: Text | None = Field(default=None, description="An address that is shown beside the files")
    instructions: Text | None = None


class GithubAccess(Model):
    """Access to a repository or an organisation at GitHub."""

    target: Word = Field(description="The repository or organisation, for example acme/handbook")
    permission: Literal["pull", "triage", "push", "maintain", "admin"]


class DiscordAccess(Model):
    """Membership of a Discord server, in a role where one is named."""

    server: Word = Field(description="The id of the server")
    role: Word | None = Field(default=None, description="The id of a role")


class TelegramAccess(Model):
    """Membership of a Telegram chat."""

    chat: Word = Field(description="The id of the chat; that of a group begins with a minus")


class NotionTemplate(Model):
    """A Notion template."""

    template: Word


class FigmaFile(Model):
    """A Figma file."""

    file: Word


class FramerTemplate(Model):
    """A Framer template."""

    template: Word


WAYS = ("licenceKey", "featureFlag", "files", "github", "discord", "telegram", "notion", "figma", "framer")


class EntitlementSpec(Model):
    """What is given: one of them."""

    title: Title
    description: Text | None = None
    licence_key: LicenceKey | None = None
    feature_flag: FeatureFlag | None = None
    files: Files | None = None
    github: GithubAccess | None = None
    discord: DiscordAccess | None = None
    telegram: TelegramAccess | None = None
    notion: NotionTemplate | None = None
    figma: FigmaFile | None = None
    framer: FramerTemplate | None = None

    def given(self) -> list[str]:
        """The keys of what it gives: exactly one where it is without mistakes."""
        fields = type(self).model_fields
        return [
            str(fields[name].alias) for name in fields if fields[name].alias in WAYS and getattr(self, name) is not None
        ]


class Entitlement(ConfigurationDocument):
    """What plans and products give by its name."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Entitlement"]
    metadata: Metadata
    spec: EntitlementSpec

    def mistakes(self) -> Iterator[Mistake]:
        """It gives exactly one thing."""
        given = self.spec.given()
        if len(given) != 1:
            both = f"; here: {' and '.join(given)}" if given else ""
            yield Mistake(
                f"an entitlement gives one thing, either a licenceKey or one of {', '.join(WAYS[1:])}{both}",
                code="entitlement/what",
                hint="write licenceKey: {activations: 3} or featureFlag: {feature: sso}",
                at=("spec",),
            )
        files = self.spec.files
        if files is not None:
            yield from _files_mistakes(files)


def _files_mistakes(files: Files) -> Iterator[Mistake]:
    at = ("spec", "files")
    if not files.paths and not files.ids and files.link is None:
        hint = "write paths: [files/handbook.pdf] or link: https://host/path"
        yield Mistake("it gives neither a file nor a link", code="entitlement/files", hint=hint, at=at)
    for index, path in enumerate(files.paths):
        if any(part.startswith(".") and part.strip(".") for part in path.split("/")):
            yield Mistake(
                f'"{path}" is hidden, and what is hidden is not for customers',
                code="entitlement/files",
                hint="put a copy beside the specs, under a name without a dot in front",
                at=(*at, "paths", index),
            )
    names = [path.rpartition("/")[2].casefold() for path in files.paths]
    for index, path in enumerate(files.paths):
        if names[index] in names[:index]:
            other = files.paths[names.index(names[index])]
            yield Mistake(
                f'"{path}" is called as "{other}" is, and customers see the name alone',
                code="entitlement/files",
                hint="give one of them another name",
                at=(*at, "paths", index),
            )
    for index, one in enumerate(files.ids):
        if one in files.ids[:index]:
            yield Mistake(f'"{one}" is named twice', code="entitlement/files", at=(*at, "ids", index))
