"""What every element of a seed may say, whatever it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from reconciler.sandbox.validate import Moment

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Seeded(BaseModel):
    """What a seed may say of any object besides the API's own fields."""

    id: Identifier | None = None
    created_at: Moment | None = None
