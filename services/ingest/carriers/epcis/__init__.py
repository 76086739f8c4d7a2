"""GS1 EPCIS 2.0: see docs/carriers/epcis.md."""
