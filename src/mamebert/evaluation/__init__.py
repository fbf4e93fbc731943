"""Numbers, no models: metrics, spread over seeds, simple baselines."""
