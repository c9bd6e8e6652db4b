"""The embedded chat engine: batches, shared prefixes, adapters, constrained decoding."""
