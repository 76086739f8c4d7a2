"""Tools of development; nothing of these runs in a service."""
