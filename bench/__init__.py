"""Benchmarks of the engine beside other servers: server and load generator in processes of their own, a core each."""
