"""The live side: sessions of a studio, from the socket to the journal, and the snapshot that the publisher gets.

Layers, imports pointing down only (kept by contracts in pyproject.toml):
``cli`` > ``commands`` > ``demo`` > ``app`` > ``cluster`` > ``web``, ``api``, ``realtime``, ``operations``, ``webhooks`` >
``sessions``, ``nodes`` > ``runtime``, ``storage``, ``protocol``, ``recordings`` > ``settings``, ``clock`` > ``domain``.
"""
