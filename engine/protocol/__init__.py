"""The wire without sockets: message models, frames, close codes, the per-socket state machine."""
