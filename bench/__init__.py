"""The engine measured beside its peers: server and load in processes of their own, a core each."""
