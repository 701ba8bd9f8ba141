"""Conversations as they come about in weeks, written as a restored dump would be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.flow.world import World

HOSTILE = "".join(
    (
        '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script> ',
        "javascript:window.hacked=3 \u202egnirts\u202c ",
        '=HYPERLINK("http://evil.example","x") ',
        "Z" + "\u0301\u0310\u0321" * 533,
    )
)


@dataclass
class Said:
    author: str
    content: str
    minutes_ago: float
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass
class Told:
    """One conversation; `columns` are those of its row."""

    contact: str
    said: list[Said]
    columns: dict[str, Any] = field(default_factory=dict)


SENT = {"segments": 1, "encoding": "GSM-7", "price": -0.0079, "price_unit": "USD"}
AI = {
    **SENT,
    "model": "gpt-4o-mini",
    "prompt_tokens": 1812,
    "completion_tokens": 44,
    "generation_ms": 1320,
    "response_seconds": 2.9,
}

STORY = [
    Told(
        "+34612345678",
        [
            Said("contact", "Hola, ¿abren el domingo?", 2900),
            Said("ai", "¡Hola! Sí, los domingos abrimos de 9 a 15 h. ¿Le reservo algo?", 2899, AI),
            Said("contact", "Quería una tarta de chocolate sin lactosa para 12 personas", 190),
            Said("contact", "¿Se puede?", 189),
            Said("ai", "Sí, por encargo y con 48 horas. Para 12 personas son 38 €.", 188, AI),
            Said("human", "Soy Ana, la tenemos lista el domingo a las 10.", 170, SENT),
            Said("contact", "¡Perfecto, muchas gracias, Ana!", 165),
        ],
        {"read_up_to_id": 1},
    ),
    Told(
        "+525511223344",
        [
            Said("contact", "Quiero hablar con una persona, por favor", 14),
            Said("system", "Claro, una persona le responderá.", 13.9, {"canned_reply": "human"}),
        ],
        {"wants_human": True},
    ),
    Told(
        "+15125550143",
        [
            Said("contact", "Is my order ready?", 1560),
            Said("ai", "Let me check.", 1559, {**AI, "status": "undelivered", "error_code": 30003}),
        ],
    ),
    Told(
        "+442079460123",
        [
            Said("contact", HOSTILE, 300),
            Said(
                "contact",
                "",
                299,
                {
                    "media": json.dumps(
                        [
                            {"url": "https://api.twilio.com/m", "content_type": "image/jpeg"},
                            {"url": "javascript:window.hacked=4", "content_type": "audio/ogg"},
                        ]
                    )
                },
            ),
        ],
    ),
    Told(
        "+33612349876",
        [
            Said("contact", "STOP", 1800, {"no_reply_reason": "opt_word"}),
            Said("system", "You are unsubscribed.", 1799, {"canned_reply": "stop"}),
            Said(
                "human",
                "Are you still there?",
                1700,
                {"status": "blocked", "error_message": "opted_out"},
            ),
        ],
    ),
    Told(
        "+4915112349870",
        [Said("contact", "Gewinnen Sie jetzt ein neues Telefon!", 2000)],
        {"read_up_to_id": 2**40, "is_blocked": True},
    ),
    Told(
        "+541123456789",
        [
            Said("contact", "Necesito cancelar mi cita del martes", 11_000),
            Said("ai", "Hecho, la cita está cancelada.", 10_999, AI),
        ],
        {
            "status": "closed",
            "closed_by": "human",
            "outcome": "answered_by_ai",
            "closed_at": "2026-01-01",
        },
    ),
] + [
    Told(
        f"+1512555{1000 + n}",
        [
            Said("contact", "¿Cuánto cuesta el pan de masa madre?", 3000 + 1500 * n),
            Said("ai", "El pan de masa madre cuesta 4,20 €.", 2999 + 1500 * n, AI),
        ],
        {"read_up_to_id": 2**40},
    )
    for n in range(9)
]


# What is known beside the messages, each of one number.
FACTS = (
    "insert into sms_tool_calls (user_id, conversation_id, waiting_since, message_id,"
    " reply_id, name, arguments, acts, result, duration_ms)"
    " select m.user_id, c.id, m.occurred_at, m.id, m.id, 'book_cake',"
    """ '{"p_flavour": "chocolate", "p_people": 12}', true,"""
    """ '[{"booked_for": "2026-11-29", "price": "38 €"}]', 41"""
    " from sms_messages m join sms_conversations c on c.id = m.conversation_id"
    " where c.config_id = %s and m.author = 'ai' and m.message_content like 'Sí, por%%'",
    "insert into sms_contacts (user_id, contact_number, name, notes, tags, attributes)"
    " select user_id, '+34612345678', 'Lucía Fernández', 'Alérgica a la lactosa.',"
    """ '{vip,tartas}', '{"plan": "oro", "visitas": 3}' from sms_configs where id = %s"""
    " on conflict do nothing",
    "insert into sms_contacts (user_id, contact_number, blocked_at)"
    " select user_id, '+4915112349870', now() from sms_configs where id = %s"
    " on conflict do nothing",
    "insert into sms_opt_outs (user_id, contact_number, phone_number, source, changed_at)"
    " select user_id, '+33612349876', phone_number, 'text', now() - interval '30 hours'"
    " from sms_configs where id = %s",
    "insert into sms.first_replies (user_id, day, config_id, bucket, replies)"
    " select user_id, current_date - 2, id, bucket, 41 - 2 * bucket"
    " from sms_configs, generate_series(1, 20) bucket where id = %s",
    "insert into sms_daily_stats (user_id, config_id, day, messages_in, messages_out,"
    " ai_replies, human_replies, failed, segments, conversations, ended, answered_by_ai,"
    " answered_by_human, responses, response_seconds, cost, currency)"
    " select user_id, id, current_date - n, 20 + n * 7 %% 17, 15 + n, 11 + n * 2 %% 9,"
    " 2 + n %% 3, n %% 2, 18 + n, 9, 8, 6, 2, 13, 54.6, 0.0079 * (18 + n), 'USD'"
    " from sms_configs, generate_series(0, 22, 2) n where id = %s",
)


async def fill(world: World) -> None:
    """STORY, and what is known beside it, for the world's number."""
    async with world.stack.postgres.connect() as database, database.transaction():
        await database.execute("set local session_replication_role = replica")
        for told in STORY:
            await _tell(database, world.config_id, told)
        for fact in FACTS:
            await database.execute(fact, (world.config_id,))


async def _tell(database: Any, config_id: str, told: Told) -> None:
    cursor = await database.execute(
        "insert into sms_conversations (user_id, config_id, contact_number)"
        " select user_id, id, %s from sms_configs where id = %s returning id, user_id",
        (told.contact, config_id),
    )
    conversation_id, user_id = await cursor.fetchone()
    for said in told.said:
        incoming = said.author == "contact"
        row = {
            "conversation_id": conversation_id,
            "user_id": user_id,
            "author": said.author,
            "direction": "incoming" if incoming else "outgoing",
            "status": "received" if incoming else "delivered",
            "message_content": said.content,
            **said.columns,
        }
        await database.execute(
            f"insert into sms_messages ({', '.join(row)}, occurred_at, created_at)"  # noqa: S608
            f" select {', '.join(['%s'] * len(row))}, at, at"
            " from (select now() - %s * interval '1 minute' as at) t",
            (*row.values(), said.minutes_ago),
        )
    changed = "".join(f", {name} = %s" for name in told.columns)
    await database.execute(
        "update sms_conversations c set last_message_at = m.at, last_incoming_id = m.id,"  # noqa: S608
        f" created_at = m.began{changed}"
        " from (select max(occurred_at) as at, min(occurred_at) as began,"
        " max(id) filter (where direction = 'incoming') as id"
        " from sms_messages where conversation_id = %s) m where c.id = %s",
        (*told.columns.values(), conversation_id, conversation_id),
    )
