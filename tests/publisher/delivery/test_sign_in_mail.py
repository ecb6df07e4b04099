"""A link to sign in, from the request over HTTP to the mail and back."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

from engine.domain.instant import MINUTE
from engine.storage.keys import KeyRole, Keys
from engine.storage.opening import database_of
from engine.storage.sign_ins import SignIns
from publisher.catalogue.published import Catalogue
from publisher.delivery.due_mail import deliver_due
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.api.conftest import refused, running
from tests.publisher.delivery.test_mail import MailServer, mail_server

__all__ = ["mail_server"]
SIGN_IN = "/api/v2/sign-in"


async def test_a_link_signs_in_once(tmp_path: Path, mail_server: MailServer) -> None:
    """Whoever has no key gets the same answer and no mail; a renewed key ends what a link gave."""
    (tmp_path / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    database = database_of(tmp_path, None)
    async with running(tmp_path) as server:
        with closing(Keys(database)) as keys:
            keys.create("Ivy", 1, KeyRole.ASSISTANT, "Ivy@example.org")
        with database.connect() as connection:
            catalogue = Catalogue(connection)
            none = await server.stranger.post(SIGN_IN, json={"address": "ivy@example.org"})
            assert (none.status_code, none.json()["status"]) == (202, "no_mail_sent")
            catalogue.set_meta("sends_mail", "yes")
            for address in ("nobody@example.org", "ivy@example.org"):
                asked = await server.stranger.post(SIGN_IN, json={"address": address})
                assert (asked.status_code, asked.json()["status"]) == (202, "asked")
            texts = open_draft_desk(tmp_path, connection).texts
            now = time.time_ns() // 1_000_000
            await deliver_due(texts, catalogue, mail_server.url, lambda: now)
        ((address, message),) = mail_server.taken
        assert address == "ivy@example.org"
        part = message.get_body(("plain",))
        assert part is not None
        token = re.search(r"/console#sign_in=(\S+)", part.get_content())
        assert token is not None
        body = {"token": token[1]}
        used = await server.stranger.post(f"{SIGN_IN}/link", json=body)
        assert (used.status_code, used.json()["name"]) == (200, "Ivy")
        headers = server.bearing(used.json()["key"])
        own = (await server.stranger.get("/api/v2/keys", headers=headers)).json()["keys"]
        assert [(each["name"], each["role"]) for each in own] == [("Ivy", "assistant")]
        refused(await server.stranger.post(f"{SIGN_IN}/link", json=body), 401)
        assert (await server.stranger.post("/api/v2/keys/Ivy/renew", headers=headers)).status_code == 200
        refused(await server.stranger.get("/api/v2/keys", headers=headers), 401)
        for _ in range(7):
            await server.stranger.post(SIGN_IN, json={"address": "nobody@example.org"})
        refused(await server.stranger.post(SIGN_IN, json={"address": "nobody@example.org"}), 429)


def test_a_link_is_good_for_fifteen_minutes(tmp_path: Path) -> None:
    """And for its key only while that is in force."""
    database = database_of(tmp_path, None)
    with closing(Keys(database)) as keys, database.connect() as connection:
        keys.create("Ivy", 1)
        links = SignIns(connection)
        assert links.use_link(links.make_link("Ivy", 0), 15 * MINUTE - 1) is not None
        assert links.use_link(links.make_link("Ivy", 0), 15 * MINUTE) is None
        late = links.make_link("Ivy", 0)
        keys.revoke("Ivy", 5)
        assert links.use_link(late, 10) is None
