"""Live breathing sessions: domain, protocol, actors, storage, sockets, HTTP and pages.

Floors, imports pointing down only: ``domain`` < ``protocol`` < ``actors``, ``storage`` <
``realtime``, ``api``, ``web`` < ``app``, ``cli``.
"""
