"""What the portal shows and how figures are made. Pure: no I/O, no clock."""
