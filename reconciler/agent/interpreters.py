"""Which interpreter reads the words: Claude with a key, the built-in one without; each imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.agent.conversation import Conversation, Example
from reconciler.agent.port import Interpreter
from reconciler.base.errors import UsageError

BUILT_IN, CLAUDE = "built-in", "claude"
KEY = "ANTHROPIC_API_KEY"


def choose(
    name: str | None,
    conversation: Conversation,
    environment: Mapping[str, str],
    examples: Sequence[Example] = (),
    progress: Callable[[str], None] | None = None,
) -> Interpreter:
    """The interpreter of that name or, without one, Claude where the environment has its key.

    Raises UsageError when Claude is wanted and there is no key.
    """
    wanted = name or (CLAUDE if environment.get(KEY) else BUILT_IN)
    if wanted == CLAUDE:
        if not environment.get(KEY):
            raise UsageError(
                f"Claude needs a key, and {KEY} holds none",
                hint=f"export {KEY}=..., or use --interpreter {BUILT_IN}",
            )
        from reconciler.agent.claude.start import start

        return start(conversation, environment, examples, progress)
    from reconciler.agent.builtin.interpreter import BuiltIn

    return BuiltIn()
