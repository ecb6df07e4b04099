"""The newsletter's doors: what a link in a mail may do, and what only a click may."""

from __future__ import annotations

import pytest

from engine.api.newsletter.limits import SubscriptionLimits, mailbox_of
from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import count
from tests.api.conftest import Server, refused

HTML = {"Accept": "text/html"}


def subscribers(server: Server) -> tuple[list[str], int]:
    """The tokens there are, and how many addresses confirmed."""
    with database_of(server.data).connect() as connection:
        confirmed = count(Catalogue(connection))
        rows = connection.rows("SELECT token FROM subscribers ORDER BY created_at")
    return [row["token"] for row in rows], confirmed


async def asked(server: Server, address: str = "ann@example.org") -> str:
    answer = await server.stranger.post("/subscribe/", data={"address": address}, headers=HTML)
    assert answer.status_code == 200
    return subscribers(server)[0][-1]


async def test_only_a_post_confirms_and_only_a_post_ends(server: Server) -> None:
    """Scanners follow links: a GET changes nothing, however often."""
    token = await asked(server)
    for _ in range(3):
        assert "Yes, send me" in (await server.stranger.get(f"/confirm/{token}", headers=HTML)).text
    assert subscribers(server)[1] == 0
    assert (await server.stranger.post(f"/confirm/{token}", headers=HTML)).status_code == 200
    assert subscribers(server)[1] == 1
    assert "already" in (await server.stranger.get(f"/confirm/{token}", headers=HTML)).text
    assert "Stop" in (await server.stranger.get(f"/unsubscribe/{token}", headers=HTML)).text
    assert subscribers(server)[1] == 1


async def test_one_click_ends_it_and_twice_is_harmless(server: Server) -> None:
    """As a mail program does it: a form with List-Unsubscribe=One-Click and nothing else."""
    token = await asked(server)
    await server.stranger.post(f"/confirm/{token}")
    for _ in range(2):
        answer = await server.stranger.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert subscribers(server) == ([], 0)


async def test_nobody_learns_who_is_subscribed(server: Server) -> None:
    """The answer to a known address is the answer to an unknown one."""
    token = await asked(server)
    await server.stranger.post(f"/confirm/{token}")
    known = await server.stranger.post("/subscribe/", data={"address": "ANN@example.org"}, headers=HTML)
    new = await server.stranger.post("/subscribe/", data={"address": "bob@example.org"}, headers=HTML)
    assert known.text == new.text
    assert subscribers(server)[1] == 1


@pytest.mark.parametrize(
    "address",
    ["", "no address", "a@b", "a@b.example\r\nBcc: x@y.example", '"><script>alert(1)</script>@x.org'],
)
async def test_what_is_no_address_is_refused(server: Server, address: str) -> None:
    """People get the form again, escaped; programs the one shape."""
    page = await server.stranger.post("/subscribe/", data={"address": address}, headers=HTML)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "address" in refused(await server.stranger.post("/subscribe/", json={"address": address}), 400)
    assert subscribers(server)[0] == []


async def test_a_form_with_too_many_fields_is_refused(server: Server) -> None:
    """20 are taken, one more is 400."""
    fields = {f"field{number}": "x" for number in range(19)} | {"address": "ann@example.org"}
    assert (await server.stranger.post("/subscribe/", data=fields, headers=HTML)).status_code == 200
    assert refused(await server.stranger.post("/subscribe/", data=fields | {"one": "more"}), 400)


def sends_mail(server: Server) -> None:
    """As if the publisher had been given a mail server, and the studio a sender."""
    (server.data / "studio.toml").write_text('sender = "hello@studio.example"')
    with database_of(server.data).connect() as connection:
        Catalogue(connection).set_meta("sends_mail", "yes")


async def test_a_program_may_ask_in_json(server: Server) -> None:
    """Accepted; what follows is up to the address."""
    sends_mail(server)
    answer = await server.stranger.post("/subscribe/", json={"address": "ann@example.org"})
    assert (answer.status_code, answer.json()) == (202, {"status": "confirmation_asked"})


@pytest.mark.parametrize(
    ("language", "said", "not_said"),
    [
        ("en", "nothing was sent to this address", "We have asked this address"),
        ("de", "an diese Adresse ging also nichts", "Wir haben diese Adresse"),
    ],
)
async def test_where_no_mail_leaves_nobody_is_told_to_look_for_one(
    server: Server, language: str, said: str, not_said: str
) -> None:
    """In the studio's language, and to programs; with a mail server and a sender they are asked, and told so."""
    ann = {"address": "ann@example.org"}
    studio = server.data / "studio.toml"
    studio.write_text(f'language = "{language}"')
    page = await server.stranger.post("/subscribe/", data=ann, headers=HTML)
    assert page.status_code == 200
    assert said in page.text
    assert not_said not in page.text
    reply = await server.stranger.post("/subscribe/", json=ann)
    assert (reply.status_code, reply.json()) == (202, {"status": "no_mail_sent"})

    sends_mail(server)
    studio.write_text(f'language = "{language}"\nsender = "hello@studio.example"')
    page = await server.stranger.post("/subscribe/", data=ann, headers=HTML)
    assert said not in page.text
    assert not_said in page.text


async def test_what_a_program_sends_beside_the_address_is_refused_by_name(server: Server) -> None:
    """As everywhere else: unknown, missing and mistyped fields, and nobody is asked anything."""
    for sent, fields in (
        ({"address": "b@example.org", "foo": 1}, {"foo"}),
        ({"foo": 1}, {"foo", "address"}),
        ({"address": 5}, {"address"}),
        ([], {"body"}),
    ):
        assert refused(await server.stranger.post("/subscribe/", json=sent), 400).keys() == fields
    assert subscribers(server)[0] == []


async def test_a_link_that_means_nobody_says_so(server: Server) -> None:
    """Confirming is not possible, ending is done already."""
    assert (await server.stranger.get("/confirm/unknown", headers=HTML)).status_code == 404
    assert (await server.stranger.post("/confirm/unknown", headers=HTML)).status_code == 404
    assert (await server.stranger.get("/unsubscribe/unknown", headers=HTML)).status_code == 200


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ann@Example.org", "ann@example.org"),
        ("ann+news+more@example.org", "ann@example.org"),
        ("a.n.n@example.org", "a.n.n@example.org"),
        ("+ann@example.org", "+ann@example.org"),
        ("a.n.n+x@gmail.com", "ann@gmail.com"),
        ("A.nn@GoogleMail.com", "ann@gmail.com"),
        ("a.nn@protonmail.com", "ann@proton.me"),
        ("ann-shop@yahoo.co.uk", "ann@yahoo.co.uk"),
        ("ann-marie@example.org", "ann-marie@example.org"),
    ],
)
def test_aliases_lead_to_one_mailbox(address: str, mailbox: str) -> None:
    """What follows a plus, and with some providers dots."""
    assert mailbox_of(address) == mailbox


async def test_four_hundred_aliases_of_one_mailbox_get_three_mails(server: Server) -> None:
    """From any number of networks, and whoever asks is told the same each time; others are written to."""
    limits = SubscriptionLimits()
    wanted = [limits.may_write_to(f"a.n.n+{number}@gmail.com", 0) for number in range(400)]
    assert wanted == [True] * 3 + [False] * 397
    assert limits.may_write_to("bob@gmail.com", 0)
    assert limits.may_write_to("ann@gmail.com", 8 * 3_600_000 + 1)

    answers = {
        (
            await server.stranger.post(
                "/subscribe/", data={"address": f"ann+{number}@example.org"}, headers=HTML
            )
        ).text
        for number in range(20)
    }
    assert len(answers) == 1
    assert len(subscribers(server)[0]) == 3


async def test_one_network_asks_so_often(server: Server) -> None:
    """A class at once, not a script: 429 with the time to wait, for people in words."""
    for number in range(60):
        await asked(server, f"visitor{number}@example.org")
    page = await server.stranger.post("/subscribe/", data={"address": "one@example.org"}, headers=HTML)
    assert page.status_code == 429
    assert "try again later" in page.text
    answer = await server.stranger.post("/subscribe", json={"address": "one@example.org"})
    refused(answer, 429)
    for limited in (page, answer):
        assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert len(subscribers(server)[0]) == 60


async def test_the_metrics_count_mails_and_paused_addresses(server: Server) -> None:
    """Those that wait for a mail server that does not take them apart; an alarm can be set on them."""
    await asked(server)
    with database_of(server.data).connect() as connection:
        connection.execute("UPDATE subscribers SET state = 'paused'")
        for recipient, state, error in (
            ("a", "preparing", "554 no"),
            ("b", "preparing", None),
            ("c", "failed", "550"),
        ):
            connection.execute(
                "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, error, updated_at)"
                " VALUES ('s', 'newsletter', :recipient, 'x', :state, 0, 0, :error, 0)",
                recipient=recipient,
                state=state,
                error=error,
            )
    text = (await server.stranger.get("/metrics")).text
    assert 'halcytone_mails{kind="newsletter",state="preparing"} 2.0' in text
    assert 'halcytone_mails{kind="newsletter",state="failed"} 1.0' in text
    assert 'halcytone_mails_held{kind="newsletter"} 1.0' in text
    assert "halcytone_addresses_paused 1.0" in text
