"""The ways in: the batch door, the vendors' webhooks, files."""
