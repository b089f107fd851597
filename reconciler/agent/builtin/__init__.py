"""The built-in interpreter: words to drafts by rules alone, offline, the same answer every time.

Text becomes tokens (`lexer`), tokens become phrases by rules over their kinds (`cascade`, `phrases`, `requests`),
phrases become drafts, actions or queries (`assembly`, `frames`). Each token is claimed by one phrase or reported.
Never here: a provider's rule, a disk, a network, a guess that is not shown.
"""
