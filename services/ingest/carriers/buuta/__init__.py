"""Buuta's own format: the codes are the canonical statuses."""
