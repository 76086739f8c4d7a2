"""Kafka by the chunk: the Faust transport, the worker that commits chunks, producers, topics."""
