"""The contracts of `schemas/avro/`: load, encode, decode."""
