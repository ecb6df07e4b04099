"""Scripts that tell how far the sound of the pacer is from the server's clock."""

from __future__ import annotations

__all__ = ["APART", "KEPT"]

KEPT = """
  window.sounds = [];
  window.Audio = class extends Audio { constructor(...given) { super(...given); window.sounds.push(this); } };
"""
"""Keeps the elements that the page plays, which stand in no document."""

APART = """([server, started, cycle]) => {
  const [sound] = window.sounds;
  const wanted = (server.now - started + Date.now() - server.at) / 1000 % cycle;
  const apart = ((sound.currentTime % cycle) - wanted + 1.5 * cycle) % cycle - cycle / 2;
  return sound.paused ? null : apart * 1000;
}"""
"""How far the sound is ahead of the server's clock, in milliseconds; null where none plays.

Given: the server's milliseconds ``now`` ``at`` the page's ``Date.now()``, the start of the technique, its cycle in seconds.
"""
