"""Which interpreter reads the words: Claude with a key, the built-in one without; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.agent.conversation import Conversation
from reconciler.agent.judge import mistakes
from reconciler.agent.port import Interpretation, Interpreter, View
from reconciler.base.diagnostics import Diagnostic

BUILT_IN, CLAUDE = "built-in", "claude"
KEY = "ANTHROPIC_API_KEY"


def choose(
    name: str | None,
    conversation: Conversation,
    environment: Mapping[str, str],
    progress: Callable[[str], None] | None = None,
) -> Interpreter:
    """The interpreter of that name or, without one, Claude where the environment has its key.

    Raises UsageError when Claude is wanted and cannot be asked.
    """
    if (name or (CLAUDE if environment.get(KEY) else BUILT_IN)) == BUILT_IN:
        from reconciler.agent.builtin.interpreter import BuiltinInterpreter

        return BuiltinInterpreter()
    from reconciler.agent.claude.interpreter import ClaudeInterpreter, Progress
    from reconciler.agent.claude.settings import from_environment, require_key

    settings = from_environment(environment)
    require_key(settings)

    def judged(interpretation: Interpretation, view: View) -> Sequence[Diagnostic]:
        return mistakes(interpretation.drafts, view, conversation.catalogue)

    def shown(now: Progress) -> None:
        if progress is not None:
            progress(f"{now.step}: {now.characters:,} characters")

    return ClaudeInterpreter(settings, judged, progress=shown)
