"""An adapter, made again from what its run wrote down."""
