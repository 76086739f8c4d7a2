"""GHN: `parser.py` says what is special about it."""
