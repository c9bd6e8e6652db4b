"""The shelf of models: providers of chat models and embedders behind the ports of `base`."""
