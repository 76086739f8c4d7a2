"""Buuta's own item, checked by its own schema."""

from services.ingest.domain.item import read_item as parse

__all__ = ["parse"]
