"""Metrics, logs, health: what operations see of a service."""
