"""pydantic's core, which is a library in Rust, without the package around it.

That package first defines some 80 classes, which tell type checkers what the core's schemas are: a tenth of a cold
start. Who imports it later, as pydantic does, finds the same library.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import SchemaSerializer as SchemaSerializer
    from pydantic_core import SchemaValidator as SchemaValidator
    from pydantic_core import ValidationError as ValidationError


def _library() -> Any:
    package, name = "pydantic_core", "pydantic_core._pydantic_core"
    around = None if package in sys.modules else find_spec(package)
    spec = PathFinder.find_spec(name, around.submodule_search_locations) if around is not None else None
    if spec is None or spec.loader is None:  # it is there already, or is put together otherwise
        import pydantic_core

        return pydantic_core
    if name not in sys.modules:
        sys.modules[name] = library = module_from_spec(spec)
        spec.loader.exec_module(library)
    return sys.modules[name]


if not TYPE_CHECKING:
    _found = _library()
    SchemaSerializer, SchemaValidator = _found.SchemaSerializer, _found.SchemaValidator
    ValidationError = _found.ValidationError
