"""Who may come in: keys, scopes, rates and origins, looked at before any route."""
