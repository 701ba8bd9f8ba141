"""SQL that breaks a rule in one of two equal databases; the walk has to find each.

Triggers where one will do: they outlive a rebuild of the functions.
"""

from __future__ import annotations


def patch(function: str, old: str, new: str) -> str:
    """Other words in the body of a function."""
    return f"select walk.patch('{function}', $old${old}$old$, $new${new}$new$)"


def spoil(table: str, when: str, change: str) -> str:
    """A trigger that changes what an update writes."""
    return f"""
    create function walk.spoil() returns trigger language plpgsql as $$
    begin
      {change};
      return new;
    end;
    $$;
    create trigger zz_spoil before update on public.{table}
      for each row when ({when}) execute function walk.spoil()"""


def unsaid(which: str) -> str:
    """An announcement that is not made."""
    return f"""
    create function walk.spoil() returns trigger language plpgsql as 'begin return null; end';
    create trigger zz_spoil before insert on realtime.messages_all
      for each row when ({which}) execute function walk.spoil()"""


MUTANTS = {
    "a changed comparison: the first opt word decides": patch(
        "sms.is_opted_out", "order by o.changed_at desc", "order by o.changed_at"
    ),
    "a changed comparison: read is before delivered": patch(
        "sms.status_rank", "'delivered', 'read'", "'read', 'delivered'"
    ),
    "a bound by one off: one tool call more": patch(
        "sms.excess_of_calls", "v_calls > v_policy", "v_calls > 1 + v_policy"
    ),
    "a bound by one off: the pauses between attempts": patch(
        "sms.backoff", "greatest(p_attempts, 1) - 1", "greatest(p_attempts, 1)"
    ),
    "quiet hours end a day late": patch("sms.quiet_until", "interval '1 day'", "interval '2 days'"),
    "a lost update: the superseded are not counted": spoil(
        "sms_conversations",
        "new.superseded > old.superseded",
        "new.superseded := old.superseded",
    ),
    "a lost update: media of a duplicate": spoil(
        "sms_messages", "new.media <> old.media", "new.media := old.media"
    ),
    "a lost update: an outcome forgets that it gives in_reply_to back": spoil(
        "sms_messages",
        "new.status = 'canceled' and old.in_reply_to is not null",
        "new.in_reply_to := old.in_reply_to",
    ),
    "a wrong state: unknown is failed": spoil(
        "sms_messages",
        "old.status = 'sending' and new.status = 'unknown'",
        "new.status := 'failed'; new.send_at := null",
    ),
    "a wrong state: closed as idle by a human": spoil(
        "sms_conversations", "new.closed_by = 'idle'", "new.closed_by := 'human'"
    ),
    "a takeover that failed gives no pause back": (
        "drop trigger sms_messages_after_human_failed on public.sms_messages"
    ),
    "nobody hears that a conversation changed": unsaid("new.event = 'conversation'"),
    "no worker hears of what is due at once": unsaid(
        "new.event = 'work' and (new.payload ->> 'seconds')::numeric = 0"
    ),
}
