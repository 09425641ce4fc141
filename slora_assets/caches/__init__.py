"""VAE moments and text embeddings are computed once and cached by what they depend on."""
