"""From a judged adapter to a served one: presets, the registry, promotion and its change log."""
