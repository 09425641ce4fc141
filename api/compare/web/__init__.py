"""The comparison's page: three files, nothing from elsewhere."""
