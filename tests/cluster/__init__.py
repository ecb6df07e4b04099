"""``make cluster``: three servers, PostgreSQL and HAProxy on this machine, and a session whose server is killed."""
