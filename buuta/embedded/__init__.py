"""A broker and a database from wheels: for the demo and the tests, on any machine with Python."""
