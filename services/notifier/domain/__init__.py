"""What is told, in which words and pieces, and when it is tried again. Pure: no I/O, no clock."""
