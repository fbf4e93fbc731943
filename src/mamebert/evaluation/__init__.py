"""Numbers, no models: measures, spread over seeds, simple baselines."""
