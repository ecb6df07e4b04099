"""The cards of sessions: which files may stay, which are drawn at once, and which follow the pages.

A card says in its file what it was made of, so one that is right is not drawn again. A few that are missing are drawn at
once. Many are drawn by processes of their own, beside the pages and after them; until then a page shows the card that
its session had, or the studio's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from publisher.catalogue.changes import CARDS_PREFIX
from publisher.catalogue.published import Catalogue
from publisher.files.tree import SiteFile
from publisher.rendering.card import card_of, card_texts, studio_card
from publisher.rendering.card_drawing import CardTexts, digest_of, drawn_of
from publisher.rendering.story import Story, story_of
from publisher.rendering.studio import Studio
from publisher.site.card_workers import CardWorkers

__all__ = ["AT_ONCE", "Cards"]

_log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
"""So many cards are drawn before the pages that show them, in a fifth of a second together."""
_MOST_AT_A_TIME: Final = 64
"""Cards that are written without a look at what else there is to do."""


def _file(session_id: str) -> str:
    return f"sessions/{session_id}/card.png"


class Cards:
    """The cards of a catalogue, drawn for one studio. ``public`` is the live site, whose cards may stay."""

    def __init__(self, public: Path, catalogue: Catalogue, studio: Studio, workers: CardWorkers) -> None:
        self._public = public
        self._catalogue = catalogue
        self._studio = studio
        self._workers = workers
        self._at_once = AT_ONCE
        self._wanted: dict[str, None] = {}
        """In order; a dictionary, as each is looked for among thousands."""
        self._in_hand: set[str] = set()
        self._failed: set[str] = set()
        self._marks: dict[str, int] = {}

    @property
    def any_outstanding(self) -> bool:
        """Whether any card is still to be drawn."""
        return bool(self._in_hand or self._wanted)

    @property
    def outstanding(self) -> set[str]:
        """The sessions whose cards are still to be drawn."""
        return self._in_hand.union(self._wanted)

    def begin_build(self, *, whole: bool) -> None:
        """From here on some may be drawn at once again. A ``whole`` build comes across every card by itself."""
        self._at_once = AT_ONCE
        if whole:
            self.give_up()

    def file_of(self, session_id: str) -> SiteFile | None:
        """The file of a session's card; None where it is drawn beside the build."""
        story = self._story(session_id)
        if story is None:
            return SiteFile(_file(session_id), None)
        png = self._right(session_id, card_texts(story, self._studio))
        if png is None and self._at_once > 0:
            self._at_once -= 1
            png = card_of(story, self._studio)
        if png is None:
            if session_id not in self._in_hand and session_id not in self._wanted:
                self._wanted[session_id] = None
            return None
        return SiteFile(_file(session_id), png)

    def stand_in(self, session_id: str) -> SiteFile:
        """What is shown until the card is drawn: the one that the session had, or the studio's."""
        return SiteFile(_file(session_id), self._present(session_id) or studio_card(self._studio))

    def drawn(self, *, spare: int = 0, wait_s: float = 0.0) -> dict[str, SiteFile]:
        """The files of cards that were finished since the last call, by session; and have others drawn.

        ``spare``: cores that have something else to do. ``wait_s``: how long to wait for the first card.

        Raises:
            OSError: no process can be started.
        """
        processes = self._workers.cores - spare
        done: dict[str, SiteFile] = {}
        with self._catalogue.read_transaction():
            while self._wanted and processes > 0 and len(done) < _MOST_AT_A_TIME:
                session_id = next(iter(self._wanted))
                texts = self._texts(session_id)
                png = texts and self._right(session_id, texts)
                if texts is None or png:
                    done[session_id] = SiteFile(_file(session_id), png or None)
                elif not self._workers.draw(session_id, texts, processes):
                    break
                else:
                    self._in_hand.add(session_id)
                del self._wanted[session_id]
        finished = self._workers.finished(_MOST_AT_A_TIME, 0.0 if done or not self._in_hand else wait_s)
        with self._catalogue.read_transaction():
            for session_id, png in finished:
                self._in_hand.discard(session_id)
                texts = self._texts(session_id)
                if texts is None:
                    done[session_id] = SiteFile(_file(session_id), None)
                elif drawn_of(png) == digest_of(texts):
                    done[session_id] = SiteFile(_file(session_id), png)
                elif png or session_id not in self._failed:
                    # The session has changed since, or its process died, perhaps of something else.
                    self._wanted[session_id] = None
                    if not png:
                        self._failed.add(session_id)
                else:
                    _log.warning("card not drawn", session_id=session_id, shown="another card")
                    done[session_id] = self.stand_in(session_id)
        return done

    def give_up(self) -> None:
        """Forget what is outstanding, and end the processes; marks stay."""
        self._workers.close()
        self._wanted.clear()
        self._in_hand.clear()
        self._failed.clear()

    # Cards that follow the pages are marked in the catalogue, so that a restart does not lose them.

    def follow(self) -> None:
        """Mark what is outstanding, to be drawn after the pages."""
        self._catalogue.dirty.mark_here(CARDS_PREFIX + each for each in self.outstanding)
        self._marks = {}

    def any_following(self) -> bool:
        """Whether cards are to be drawn after the pages."""
        if not self._marks:
            self._marks = self._catalogue.dirty.cards()
            here = self.outstanding
            marked = (mark.removeprefix(CARDS_PREFIX) for mark in self._marks)
            self._wanted.update(dict.fromkeys(each for each in marked if each not in here))
        if not self._marks:
            self.give_up()
        return bool(self._marks)

    def settle(self, session_ids: Iterable[str]) -> None:
        """Unmark cards whose files are in the site now."""
        marks = [CARDS_PREFIX + each for each in session_ids]
        self._catalogue.dirty.clear({mark: self._marks.pop(mark) for mark in marks if mark in self._marks})

    # What a card is made of, and what there is

    def _story(self, session_id: str) -> Story | None:
        """The story of a session that has a card of its own."""
        excerpt = self._catalogue.excerpt(session_id)
        if excerpt is None or excerpt.source == "import" or excerpt.visibility == "private":
            return None
        return story_of(excerpt, self._studio)

    def _texts(self, session_id: str) -> CardTexts | None:
        story = self._story(session_id)
        return None if story is None else card_texts(story, self._studio)

    def _present(self, session_id: str) -> bytes | None:
        """The card in the live site, whatever it was made of; None where there is no whole one."""
        try:
            png = (self._public / _file(session_id)).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if drawn_of(png) is None else png

    def _right(self, session_id: str, texts: CardTexts) -> bytes | None:
        """The card in the live site, if it was made of these texts."""
        png = self._present(session_id)
        return png if png is not None and drawn_of(png) == digest_of(texts) else None
