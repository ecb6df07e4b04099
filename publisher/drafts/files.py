"""The files of drafts in ``drafts/<session_id>/``: ready to open in a mail program, or to paste into a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.domain.snapshot import Snapshot
from publisher.catalogue.drafts import Drafts
from publisher.drafts.texts import DraftTexts
from publisher.files.tree import SiteFile, Tree
from publisher.mail.message import PICTURE, message_of
from publisher.rendering.card import card_of
from publisher.rendering.story import Story, story_of

__all__ = ["DraftFiles"]


class DraftFiles:
    """Writes and removes the files of drafts. A withdrawn draft has none."""

    def __init__(self, data: Path, drafts: Drafts, texts: DraftTexts) -> None:
        self._folder = data / "drafts"
        self._drafts = drafts
        self._texts = texts

    def write(self, session_id: str, channel: str, snapshot_now: Callable[[], Snapshot]) -> None:
        """Write the files of ``email``, or of every post (``social``); remove those of withdrawn drafts.

        The publisher and the desk write the same files, each from a process of its own. Whoever wrote compares, and
        writes again where something changed meanwhile: the last one to write has seen every change.
        """
        while drafts := self._drafts.of(session_id):
            snapshot = snapshot_now()
            story = story_of(snapshot, self._texts.studio)
            files = list(self._mail_files(story) if channel == "email" else self._post_files(story))
            files.append(SiteFile(f"{session_id}/card.png", card_of(story, self._texts.studio)))
            Tree(self._folder).put(files)
            if self._drafts.of(session_id) == drafts and snapshot_now() == snapshot:
                return
        # Withdrawn meanwhile, and its drafts with it.
        self.remove(session_id)

    def remove(self, session_id: str) -> None:
        """Remove a session's folder."""
        shutil.rmtree(self._folder / session_id, ignore_errors=True)

    def _mail_files(self, story: Story) -> Iterator[SiteFile]:
        if self._withdrawn(story.id, "email"):
            for name in ("email.eml", "email.html", "email.txt"):
                yield SiteFile(f"{story.id}/{name}", None)
            return
        mail = self._texts.newsletter(story)
        message = message_of(
            mail,
            self._texts.studio,
            message_id=f"{story.id}.{story.snapshot.content_id}@{self._texts.links.host}",
            date=story.snapshot.ended_at,
            picture=card_of(story, self._texts.studio),
            unsent=True,
        )
        yield SiteFile(f"{story.id}/email.eml", message)
        # Outside of the message there is no part with the picture to refer to.
        yield SiteFile(f"{story.id}/email.html", mail.html.replace(PICTURE, "card.png").encode())
        yield SiteFile(f"{story.id}/email.txt", mail.text.encode())

    def _post_files(self, story: Story) -> Iterator[SiteFile]:
        posts: dict[str, Any] = {}
        for post in self._texts.posts(story):
            path = f"{story.id}/{post.network}.txt"
            if self._withdrawn(story.id, post.network):
                yield SiteFile(path, None)
                continue
            posts[post.network] = {
                "content": post.content,
                "hashtags": list(post.hashtags),
                "composer_url": post.composer,
            }
            yield SiteFile(path, (post.content + "\n").encode())
        yield SiteFile(
            f"{story.id}/social.json", (json.dumps(posts, ensure_ascii=False, indent=2) + "\n").encode()
        )

    def _withdrawn(self, session_id: str, channel: str) -> bool:
        draft = self._drafts.get(session_id, channel)
        return draft is not None and draft.state == "withdrawn"
