"""May an adapter replace its base? The statistics, and the decision made of them."""
