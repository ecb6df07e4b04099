"""The live side: sessions of a studio, from the socket to the journal, and the snapshot that the publisher gets.

Floors, imports pointing down only (kept by contracts in pyproject.toml):
``cli`` > ``commands`` > ``demo`` > ``app`` > ``web``, ``api``, ``realtime``, ``operations``, ``webhooks`` > ``sessions`` >
``runtime``, ``storage``, ``protocol``, ``recordings`` > ``settings``, ``clock`` > ``domain``.
"""
