"""A storm over three servers on one PostgreSQL with a standby: ``python -m tests.stress.cluster --seed 1 --seeds 10``.

``plan`` says which faults happen in which order, as a pure function of the seed; ``storm`` does them to processes of
this machine while people are live; ``outcome`` holds what everybody was told against the journal, the stories, the
letters and the copies of the site. With ``--namespaces`` (as root) each server and each database is in a network
namespace of its own, and a cut is a link that is down. Of this pytest runs ``test_plan.py`` alone.
"""
