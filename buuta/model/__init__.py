"""The pure vocabulary of Buuta: no I/O, no clock, no globals that change."""
