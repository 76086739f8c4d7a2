"""Reading the log a second time: an archive of it, and figures computed from it by another way."""
