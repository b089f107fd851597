"""The command line: words in, words out. Never here: logic of its own."""
