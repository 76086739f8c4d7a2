"""Buuta, the postman: an event-driven parcel-tracking backbone."""

from importlib.metadata import version

__version__ = version("buuta")
