"""`ratecard fmt`: the canonical spelling of specs, with the comments and the order that people gave them."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import ScalarEvent

from reconciler.base.diagnostics import Diagnostic, Location, Mistake, has_errors, shorten
from reconciler.base.errors import RatecardError
from reconciler.base.money import parse_money, parse_percent, parse_rate
from reconciler.base.period import parse_period
from reconciler.spec.files import SourceFile
from reconciler.spec.load import load_text, problems
from reconciler.spec.scalars import BareDecimal, read_plain
from reconciler.spec.source import Composer

TOP_KEYS = ("apiVersion", "kind", "metadata", "lifecycle", "spec", "variants", "remove")
WIDTH = 120

# Keys whose text has a canonical spelling, wherever they stand in the `spec` of a document.
_SPELLINGS: dict[str, Callable[[str], object]] = {
    "amount": parse_money,
    "minimum": parse_money,
    "suggested": parse_money,
    "fee": parse_money,
    "payingAtLeast": parse_money,
    "payingAtMost": parse_money,
    "rate": parse_rate,
    "discount": parse_percent,
    "percent": parse_percent,
    "every": parse_period,
    "per": parse_period,
    "within": parse_period,
    "validFor": parse_period,
}
# Text that must keep its quotes in block style, beyond what the plain rules say: indicators and `: `, ` #`.
_NEEDS_QUOTES = re.compile(r"""[-?:,\[\]{}#&*!|>'"%@`=\s]|.*(?:: |:$| #|\s$)""", re.DOTALL).match
_AFTER_VALUE = re.compile(r"([:,]?) +(#.*)").fullmatch
_FLOW_INDICATORS = re.compile(r"[,\[\]{}]|:\?").search  # the last is libyaml's own rule


class CannotFormat(RatecardError):
    """The text is not formatted, since it has mistakes, or since its meaning would not be the same afterwards."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(str(d) for d in diagnostics))
        self.diagnostics = diagnostics


def document_text(document: Mapping[str, Any]) -> str:
    """A new document as YAML, not yet in canonical spelling."""
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def format_text(text: str, file: str, *, whole: bool = True) -> str:
    """The canonical spelling of the specs in a text. Formatting twice is formatting once.

    Where they are not the `whole` of what they say, as with overlays and defaults, only their YAML is read. Raises
    CannotFormat, with diagnostics, for a text with mistakes.
    """
    from ruamel.yaml.error import MarkedYAMLError as OtherYAMLError

    before = _read(text, file, whole)
    if not before.documents:
        return text.rstrip() + "\n" if text.strip() else ""
    try:
        formatted = _rewrite(text)
        for _ in range(3):  # a comment that moves may settle only in the next round
            again = _rewrite(formatted)
            if again == formatted:
                break
            formatted = again
    except (MarkedYAMLError, OtherYAMLError) as error:
        message = f"cannot be formatted: {shorten(str(error.problem or error.context), 200)}"
        raise CannotFormat((Diagnostic("fmt/refused", message, before.place),)) from None
    try:
        same = _read(formatted, file, whole).documents == before.documents
    except CannotFormat:
        same = False
    if not same:
        message = "formatting would change what the file says, so it is left alone"
        raise CannotFormat((Diagnostic("fmt/changed", message, before.place),))
    lost = Counter(_comments(text)) - Counter(_comments(formatted))
    if lost:
        raise CannotFormat((_lost_comment(text, file, next(iter(lost))),))
    return formatted


class _Meaning(NamedTuple):
    """What a text says, to be compared, and where its first document begins."""

    documents: list[Any]
    place: Location


def _read(text: str, file: str, whole: bool) -> _Meaning:
    """What a text says. Raises CannotFormat with its mistakes."""
    if whole:
        loaded = load_text(text, file)
        if has_errors(loaded.diagnostics):
            raise CannotFormat(loaded.diagnostics)
        place = loaded.specs[0].locate(()) if loaded.specs else Location(file)
        return _Meaning([spec.document for spec in loaded.specs], place)
    composed = Composer().compose(SourceFile.of(file, text.encode()))
    wrong = [found for _, source, flagged in composed.documents if flagged for found in problems(source)]
    if composed.diagnostics or wrong:
        raise CannotFormat((*composed.diagnostics, *wrong))
    # A text with a canonical spelling is the same amount however it is spelled.
    documents = [_meaning(value, in_spec=False) for value, _, _ in composed.documents]
    return _Meaning(documents, composed.documents[0][1].locate(()) if documents else Location(file))


def _meaning(value: Any, *, in_spec: bool, key: object = None) -> Any:
    if isinstance(value, dict):
        return {name: _meaning(part, in_spec=in_spec or name == "spec", key=name) for name, part in value.items()}
    if isinstance(value, list):
        return [_meaning(part, in_spec=in_spec, key=None) for part in value]
    return _spelled(key, value) if in_spec and isinstance(value, str) else value


def _lost_comment(text: str, file: str, comment: str) -> Diagnostic:
    at = text.find(comment)
    where = Location(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    hint = "move it to a line of its own, outside of brackets"
    return Diagnostic("fmt/comment", f'the comment "{shorten(comment)}" would be lost', where, hint=hint)


def _comments(text: str) -> list[str]:
    """The comments of a text, sorted: what is left of it without its scalars."""
    rest: list[str] = []
    at = 0
    next_event: Callable[[], Any] = CParser(text).get_event
    while (event := next_event()) is not None:
        start, end = event.start_mark, event.end_mark
        if type(event) is ScalarEvent and end.index > at:
            # A block scalar ends where the next line begins: its last line end stays with the rest.
            rest += [text[at : start.index], "_\n" if end.column == 0 else "_"]
            at = end.index
    rest.append(text[at:])
    return sorted(found.strip() for found in re.findall(r"(?:^|(?<=\s))#.*$", "".join(rest), re.MULTILINE))


def _rewrite(text: str) -> str:
    # Costs 0.1 s to import and 7 ms a document: only here.
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    yaml.explicit_start = False
    documents = [d for d in yaml.load_all(text) if d is not None]
    parts: list[str] = []
    for document in documents:
        _tidy(document)
        out = io.StringIO()
        yaml.dump(document, out)
        parts.append(out.getvalue().removeprefix("---\n").removesuffix("...\n").strip("\n") + "\n")
    return _align_comments("---\n".join(parts))


def _align_comments(text: str) -> str:
    """Comments on their own line stand where the line after them does; those after a value two spaces behind it."""
    lines = text.split("\n")
    ends: dict[int, int] = {}  # where the last thing that is no comment ends, by line
    inside: set[int] = set()  # lines that belong to a text of several lines
    next_event: Callable[[], Any] = CParser(text).get_event
    while (event := next_event()) is not None:
        start, end = event.start_mark, event.end_mark
        ends[end.line] = max(ends.get(end.line, 0), end.column)
        if type(event) is ScalarEvent and end.line > start.line:
            inside.update(range(start.line + 1, end.line + (1 if end.column else 0)))
    indent = 0
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if number in inside or not line.strip():
            continue
        if line.lstrip().startswith("#"):
            lines[number] = " " * indent + line.strip()
            continue
        indent = len(line) - len(line.lstrip())
        at = ends.get(number, 0)
        found = _AFTER_VALUE(line[at:])
        if at and found:
            lines[number] = f"{line[:at]}{found[1]}  {found[2].rstrip()}"
    return "\n".join(line if n in inside else line.rstrip() for n, line in enumerate(lines))


def _tidy(document: Any) -> None:
    ordered = [key for key in TOP_KEYS if key in document]
    if list(document)[: len(ordered)] != ordered:
        for key in reversed(ordered):
            document.move_to_end(key, last=False)
    _respell(document, in_spec=False, flow=False)


def _respell(node: Any, *, in_spec: bool, flow: bool) -> None:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    layout: Any = getattr(node, "fa", None)  # ruamel's note on how a mapping or list was written
    inside_flow = flow or (layout is not None and bool(layout.flow_style()))
    for key, value in list(items):
        if isinstance(value, (dict, list)):
            _respell(value, in_spec=in_spec or key == "spec", flow=inside_flow)
        elif isinstance(value, str):
            respelled = _spelled(key, value) if in_spec else value
            node[key] = _unquoted(value, respelled, inside_flow)


def _spelled(key: object, text: str) -> str:
    read = _SPELLINGS.get(key) if isinstance(key, str) else None
    if read is None:
        return text
    try:
        return str(read(text))
    except Mistake:
        return text  # the same word under another key's meaning


def _unquoted(written: Any, text: str, flow: bool) -> Any:
    """The text, keeping how it was written where quotes are needed or it has lines."""
    if "\n" in written or type(written).__name__ in ("LiteralScalarString", "FoldedScalarString"):
        return written
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, PlainScalarString

    if _reads_plain(text) and not (flow and _FLOW_INDICATORS(text)):
        return PlainScalarString(text)  # a plain `str` put in the place of a quoted one would take its quotes
    return DoubleQuotedScalarString(text)


def _reads_plain(text: str) -> bool:
    text = str(text)  # ruamel's texts know their quotes and are of other types
    try:
        value = read_plain(text)
    except Mistake:
        return False
    plain = type(value) is str and not isinstance(value, BareDecimal)
    return plain and text.isprintable() and not _NEEDS_QUOTES(text)
