"""The benchmark counts right: its figures are worth what its counting is."""
