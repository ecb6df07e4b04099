"""The rules of a session, as pure functions over frozen values.

Owns: commands and events, ``decide`` (command to events), ``evolve`` (event to state), the snapshot of an ended session, the
techniques, and the mathematics of the heart (``heart``: its objects are mutable, and owned by one session each).
Invariants: no I/O, no clock, no randomness: instants and ids are arguments. Events and the fields of states are stored, so
their names and the names in ``type`` stay. No event carries a participant's name, an address or one person's heart figure.
May import: Pydantic, NumPy for the mathematics of the heart, and dateutil for the rules of series; nothing of ours.

A technique change arrives as ``commands.ChangeTechnique`` of the staff, decided in ``leading``, or as a platform's
``ReportTechnique``, decided in ``reports``; its event is ``TechniqueChanged``, or ``ReportedLate`` when it came too late to
change a screen. Its message to everybody is made in ``engine.protocol.outgoing``.
"""
