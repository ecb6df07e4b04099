"""The configurations of reverse proxies in ``deploy/``, run by the proxies themselves."""
