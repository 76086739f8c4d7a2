"""The deployed programs of Buuta; one folder each, each alike."""
