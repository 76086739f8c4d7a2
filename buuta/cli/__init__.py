"""`buuta`, the command."""
