"""sms-gateway number: a Twilio number becomes a user's, and its texts arrive here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.local.stack import EMAIL, PHONE_NUMBER, Stack
from gateway.local.standins.twilio import Number
from gateway.local.supabase import ensure_user
from tests.flow.command import gateway
from tests.flow.world import Row, World

OTHER = "other@example.com"
SERVICE = "MG" + "5" * 32


@pytest.fixture
async def bought(stack: Stack) -> AsyncIterator[Number]:
    """A number of the account that nobody configured."""
    number = World(stack).number
    yield stack.twilio.add_number(number)
    await rows(stack, "delete from sms_configs where phone_number = %s", number)
    del stack.twilio.numbers[number]


async def rows(stack: Stack, query: str, *parameters: object) -> list[Row]:
    return await World(stack).rows(query, *parameters)


async def configs(stack: Stack, number: Number) -> list[Row]:
    return await rows(
        stack,
        "select f.*, u.email from sms_configs f join auth.users u on u.id = f.user_id"
        " where phone_number = %s",
        number.phone_number,
    )


async def test_add_shows_what_it_would_do_and_does_nothing(stack: Stack, bought: Number) -> None:
    outcome = await gateway(stack, "number", "add", bought.phone_number, "--owner", EMAIL)
    assert outcome.status == 0
    assert f"{bought.phone_number} for {EMAIL}" in outcome.output
    assert f"{stack.environ['PUBLIC_URL']}/webhook/sms#rc=5&rp=all&ct=3000&rt=4000 (POST)" in (
        outcome.output
    )
    assert "Nothing was done; --yes does it." in outcome.output
    assert (await configs(stack, bought), bought.sms_url) == ([], "")


async def test_add_makes_the_row_and_points_the_number_here(stack: Stack, bought: Number) -> None:
    bought.sms_url, bought.sms_method = "https://old.example.com/?token=secret", "GET"
    add = ("number", "add", bought.phone_number, "--owner", EMAIL, "--yes")
    outcome = await gateway(stack, *add, "--service", SERVICE)
    assert (outcome.status, outcome.errors) == (0, "")
    assert "token=secret" not in outcome.output
    (config,) = await configs(stack, bought)
    assert (config["email"], config["messaging_service_sid"]) == (EMAIL, SERVICE)
    here = f"{stack.environ['PUBLIC_URL']}/webhook/sms#rc=5&rp=all&ct=3000&rt=4000"
    assert (bought.sms_url, bought.sms_method) == (here, "POST")

    again = await gateway(stack, *add)
    assert (again.status, again.output[:13]) == (0, "Nothing to do")
    assert [row["messaging_service_sid"] for row in await configs(stack, bought)] == [SERVICE]


async def test_the_owner_may_be_named_by_id_and_the_number_by_the_environment(
    stack: Stack, bought: Number
) -> None:
    (user,) = await rows(stack, "select id from auth.users where email = %s", EMAIL)
    add = ("number", "add", "--owner", str(user["id"]), "--yes")
    outcome = await gateway(stack, *add, TWILIO_PHONE_NUMBER=bought.phone_number)
    assert outcome.status == 0
    assert [row["email"] for row in await configs(stack, bought)] == [EMAIL]


async def test_an_owner_who_never_signed_up_is_refused(stack: Stack, bought: Number) -> None:
    add = ("number", "add", bought.phone_number, "--owner", "nobody@example.com", "--yes")
    outcome = await gateway(stack, *add)
    assert outcome.status == 1
    assert "There is no such user. Sign up first" in outcome.errors
    assert outcome.output == ""  # nothing is planned that cannot be done
    assert (await configs(stack, bought), bought.sms_url) == ([], "")


async def test_a_number_of_another_user_stays_theirs(stack: Stack, bought: Number) -> None:
    await ensure_user(stack.lite, OTHER, "other-password")
    await rows(
        stack,
        "insert into sms_configs (user_id, phone_number)"
        " select id, %s from auth.users where email = %s",
        bought.phone_number,
        OTHER,
    )
    add = ("number", "add", bought.phone_number, "--owner", EMAIL, "--yes")
    outcome = await gateway(stack, *add)
    assert outcome.status == 1
    assert "The number belongs to another user" in outcome.errors
    assert outcome.output == ""
    assert [row["email"] for row in await configs(stack, bought)] == [OTHER]
    assert bought.sms_url == ""


async def test_a_number_the_account_does_not_have_is_refused(stack: Stack) -> None:
    outcome = await gateway(stack, "number", "add", "+15559990000", "--owner", EMAIL, "--yes")
    assert outcome.status == 1
    assert "does not have +15559990000" in outcome.errors
    assert not await rows(stack, "select 1 from sms_configs where phone_number = '+15559990000'")


async def test_the_list_says_where_texts_go(stack: Stack, world: World) -> None:
    stack.twilio.numbers[world.number].sms_url = "https://old.example.com/sms"
    outcome = await gateway(stack, "number", "list")
    assert outcome.status == 0
    assert f"{PHONE_NUMBER}\t{EMAIL}\tgpt-4o-mini\tarrive here" in outcome.output
    assert f"{world.number}\t{EMAIL}\tgpt-4o-mini\tgo to https://old.example.com/sms" in (
        outcome.output
    )
