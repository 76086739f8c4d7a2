"""The ways to a customer: a client and a code table each."""
