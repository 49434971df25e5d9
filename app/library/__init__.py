"""The models page: what is installed, what the Hub has, will it fit, and the way from weights to an engine."""
