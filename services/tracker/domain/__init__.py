"""What a parcel's history means. Pure: no I/O, no clock, no globals that change."""
