"""Free-form explorers: small scripts without dependencies, fed by values that Python checked."""
