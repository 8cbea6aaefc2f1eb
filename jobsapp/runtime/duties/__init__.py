"""The keeper's duties: small modules, each with a `tick` that may be called at any time, any number of times."""
