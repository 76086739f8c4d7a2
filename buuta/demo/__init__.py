"""The demo: the whole backbone on one machine, with carriers that report and people who receive."""
