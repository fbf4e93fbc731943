"""The network and only the network: settings, embeddings, attention, layer, model, heads."""
