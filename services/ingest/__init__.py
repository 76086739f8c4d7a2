"""Ingest: carriers' reports in, parcel events out."""
