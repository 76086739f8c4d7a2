"""From a carrier's report to a scan. Pure: no I/O, no clock."""
