"""Object storage: what stages made is published to a store and had back from it, whole or not."""
