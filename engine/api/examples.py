"""An example request for every endpoint, as the reference shows it and a test sends it.

The name of an endpoint is its method and path. They tell of one studio: ``evening-001`` is over and published, ``today-001``
begins in a few minutes with ``ada`` in its waiting room, ``morning-001`` is planned.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.http.endpoint import API, Example

__all__ = ["examples"]

_LATER = "2031-05-14T07:30:00Z"
_EVENING = {"session_id": "evening-001"}
_TODAY = {"session_id": "today-001"}
_MORNING = {"session_id": "morning-001"}
_THURSDAYS = {"series_id": "thursdays"}
_DRAFT = {**_EVENING, "channel": "email"}
_STORY = {"id": "evening-001"}
_REGISTRATION = {"registration": "c-7f3a"}
_SAM = {"name": "Sam"}
_WEBHOOK = {"webhook_id": "wh_3f0c"}
_ANSWER = {"id": "8Yk1dGhpcyBpcyBhbg", "rawId": "8Yk1dGhpcyBpcyBhbg", "type": "public-key"}
_MADE = {**_ANSWER, "response": {"clientDataJSON": "eyJ0eXBlIjoi…", "attestationObject": "o2NmbXRk…"}}
_SIGNED = {
    **_ANSWER,
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoi…",
        "authenticatorData": "SZYN5Ygx…",
        "signature": "MEUCIQDx…",
    },
}
_SESSIONS = f"{API}/sessions/{{session_id}}"
_SUMMARY = {
    "title": "Evening Relaxation",
    "content": "Guided breathing for better sleep",
    "session_id": "evening-001",
    "session_duration": 1800,
    "participant_count": 25,
    "breathing_techniques": ["4-7-8 Breathing", "Belly Breathing"],
    "average_hrv_improvement": 12.5,
    "session_type": "guided",
    "channels": ["email", "web", "social"],
    "publish_immediately": True,
}


def examples(yesterday: str) -> Mapping[str, Example]:
    """The examples by endpoints' names, in an order in which each succeeds. ``yesterday``: ``2026-05-14``, summaries are young."""
    summary = {**_SUMMARY, "session_date": f"{yesterday}T18:00:00Z"}
    return {
        f"POST {API}/sessions/create": Example(
            body={
                "session_id": "morning-001",
                "title": "Morning Mindfulness",
                "scheduled_start": _LATER,
                "instructor": "Sarah Chen",
                "max_participants": 50,
                "techniques": ["Box Breathing", "Coherent Breathing"],
            }
        ),
        f"GET {API}/sessions/live": Example(query={"include_metrics": "true"}),
        f"GET {API}/sessions": Example(query={"limit": 20}),
        f"GET {_SESSIONS}": Example(_MORNING),
        f"PATCH {_SESSIONS}": Example(_MORNING, body={"title": "Morning Calm", "max_participants": 60}),
        f"POST {API}/keys": Example(body={"name": "Sam", "role": "instructor"}),
        f"GET {API}/keys": Example(),
        f"POST {API}/sign-in": Example(body={"address": "sam@example.org"}),
        f"POST {API}/sign-in/link": Example(body={"token": "the-token-of-a-link"}),
        f"POST {API}/passkeys/options": Example(),
        f"POST {API}/passkeys": Example(body={"name": "My phone", "credential": _MADE}),
        f"GET {API}/passkeys": Example(),
        f"POST {API}/sign-in/passkey/options": Example(),
        f"POST {API}/sign-in/passkey": Example(body={"credential": _SIGNED}),
        f"DELETE {API}/passkeys/{{passkey_id}}": Example({"passkey_id": _ANSWER["id"]}),
        f"POST {API}/keys/{{name}}/renew": Example(_SAM),
        f"GET {_SESSIONS}/hosts": Example(_MORNING),
        f"POST {_SESSIONS}/hosts": Example(_MORNING, body={"name": "Sam"}),
        f"DELETE {_SESSIONS}/hosts/{{name}}": Example({**_MORNING, **_SAM}),
        f"DELETE {API}/keys/{{name}}": Example(_SAM),
        f"POST {_SESSIONS}/registrations": Example(_MORNING, body={"name": "Ada"}),
        f"GET {_SESSIONS}/registrations": Example(_MORNING),
        f"GET {_SESSIONS}/places": Example(_MORNING),
        f"GET {_SESSIONS}/letter": Example(_MORNING),
        f"POST {_SESSIONS}/letter": Example(
            _MORNING, body={"subject": "Before Thursday", "text": "Bring a blanket.\n\nSee you there."}
        ),
        f"GET {_SESSIONS}/registrations/{{registration}}": Example({**_MORNING, **_REGISTRATION}),
        f"DELETE {_SESSIONS}/registrations/{{registration}}": Example({**_MORNING, **_REGISTRATION}),
        f"POST {_SESSIONS}/cancel": Example(_MORNING),
        f"POST {_SESSIONS}/start": Example(_TODAY),
        f"POST {_SESSIONS}/events": Example(
            _TODAY,
            body=[
                {"type": "technique.changed", "data": {"technique": "Box Breathing", "duration": 300}},
                {"type": "hrv.milestone", "data": {"improvement": 10}},
            ],
        ),
        f"POST {API}/live-announce": Example(
            body={
                "announcement": {"title": "A moment", "message": "We begin again in two minutes."},
                "session_id": "today-001",
            }
        ),
        f"GET {_SESSIONS}/me": Example(_TODAY),
        f"PUT {_SESSIONS}/me/consent": Example(
            _TODAY, body={"heart_rate": True, "group": True, "version": "2026-01"}
        ),
        f"PUT {_SESSIONS}/me/email": Example(_TODAY, body={"address": "ada@example.org"}),
        f"POST {_SESSIONS}/me/feedback": Example(
            _TODAY, body={"rating": 5, "comment": "My shoulders dropped."}
        ),
        f"DELETE {_SESSIONS}/me": Example(_TODAY),
        f"POST {_SESSIONS}/end": Example(_TODAY),
        f"GET {_SESSIONS}/attendance": Example(_TODAY),
        f"GET {_SESSIONS}/ratings": Example(_TODAY, query={"format": "csv"}),
        f"POST {API}/session-summary": Example(body=summary),
        f"POST {API}/session-summary/batch": Example(
            body=[{**summary, "session_id": "evening-002", "title": "Evening Calm", "channels": ["web"]}]
        ),
        f"GET {_SESSIONS}/content": Example(_TODAY, query={"include_summary": "true"}),
        f"GET {API}/analytics/sessions": Example(query={"from": "2026-05-01", "to": "2026-05-31"}),
        f"GET {API}/publications/{{id}}": Example(_STORY),
        f"POST {API}/publications/{{id}}/retry": Example(_STORY),
        f"GET {_SESSIONS}/drafts": Example(_EVENING),
        f"PUT {_SESSIONS}/drafts/{{channel}}": Example(
            _DRAFT,
            body={"subject": "How it went on Thursday", "text": "Twenty-five people breathed together."},
        ),
        f"POST {_SESSIONS}/drafts/{{channel}}/preview": Example(_DRAFT, body={"subject": "Our Thursday"}),
        f"POST {_SESSIONS}/drafts/{{channel}}/test": Example(_DRAFT),
        f"GET {_SESSIONS}/card": Example(_EVENING),
        f"POST {_SESSIONS}/drafts/{{channel}}/approve": Example(_DRAFT),
        f"POST {_SESSIONS}/drafts/{{channel}}/withdraw": Example(_DRAFT),
        f"DELETE {API}/publications/{{id}}": Example(_STORY),
        f"POST {API}/series": Example(
            body={
                "series_id": "thursdays",
                "title": "Thursday Evening",
                "instructor": "Sarah Chen",
                "timezone": "Europe/Berlin",
                "starts": "2031-05-15T19:00",
                "rule": "FREQ=WEEKLY;COUNT=8",
                "duration_minutes": 45,
            }
        ),
        f"GET {API}/series": Example(),
        f"GET {API}/series/{{series_id}}": Example(
            _THURSDAYS, query={"from": "2031-05-01", "to": "2031-06-30"}
        ),
        f"GET {API}/series/{{series_id}}/attendance": Example(_THURSDAYS),
        f"PATCH {API}/series/{{series_id}}": Example(_THURSDAYS, body={"title": "Thursday Calm"}),
        f"POST {API}/series/{{series_id}}/sessions": Example(_THURSDAYS, body={"date": "2031-06-26"}),
        f"POST {API}/series/{{series_id}}/registrations": Example(_THURSDAYS, body={"name": "Ada"}),
        f"GET {API}/series/{{series_id}}/registrations": Example(_THURSDAYS),
        f"DELETE {API}/series/{{series_id}}/registrations/{{registration}}": Example(
            {**_THURSDAYS, **_REGISTRATION}
        ),
        f"POST {API}/series/{{series_id}}/end": Example(_THURSDAYS),
        f"POST {API}/techniques": Example(
            body={
                "name": "Evening Tide",
                "breath": [5, 0, 7, 0],
                "rounds": {"usual": 10, "at_most": 30},
                "summary": "A long breath out, for the end of the day.",
                "cautions": ["Stop when you feel dizzy, and breathe as you like."],
            }
        ),
        f"GET {API}/techniques": Example(),
        f"PUT {API}/techniques/{{slug}}": Example(
            {"slug": "evening-tide"}, body={"name": "Evening Tide", "breath": [4, 0, 6, 0]}
        ),
        f"DELETE {API}/techniques/{{slug}}": Example({"slug": "evening-tide"}),
        f"POST {API}/webhooks": Example(
            body={
                "url": "https://calendar.example/halcytone",
                "events": ["session.scheduled", "session.ended"],
            }
        ),
        f"GET {API}/webhooks": Example(),
        f"GET {API}/webhooks/{{webhook_id}}": Example(_WEBHOOK),
        f"POST {API}/webhooks/{{webhook_id}}/test": Example(_WEBHOOK),
        f"GET {API}/webhooks/{{webhook_id}}/deliveries": Example(_WEBHOOK, query={"limit": 20}),
        f"DELETE {API}/webhooks/{{webhook_id}}": Example(_WEBHOOK),
        f"GET {API}/nodes": Example(),
        "GET /healthz": Example(),
        "GET /readyz": Example(),
        "GET /metrics": Example(),
    }
