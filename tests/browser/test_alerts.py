"""Somebody is told: targets of both kinds, a test, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.screen import Screen
from tests.flow.world import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


@pytest.fixture(autouse=True)
async def nobody_is_told(world: World) -> AsyncIterator[None]:
    await world.rows("delete from sms_event_targets")
    yield
    await world.rows("delete from sms_event_targets")


async def test_the_secret_of_a_webhook_is_shown_once(screen: Screen, world: World) -> None:
    await screen.page.goto(f"{screen.url}alerts")
    await screen.press("New alert")
    dialog = screen.page.get_by_role("dialog")
    await dialog.get_by_label("Who is told").select_option("webhook")
    await dialog.get_by_label("Address").fill("https://hooks.example.com/sms")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.locator("code")).to_contain_text("whsec_")
    await dialog.get_by_role("button", name="Close").click()
    card = screen.page.get_by_role("region", name="hooks.example.com")
    await expect(card).to_contain_text("A human is needed")
    await card.get_by_role("button", name="Turn off").click()
    await expect(card.get_by_role("button", name="Send a test")).to_be_disabled()
    [row] = await world.rows("select is_enabled, event_types from sms_event_targets")
    assert row == {"is_enabled": False, "event_types": ["human.requested"]}
    await card.get_by_role("button", name="Delete").click()
    await expect(screen.page.get_by_text("Nobody is told yet")).to_be_visible()


async def test_a_phone_of_the_staff_waits_for_its_code(screen: Screen, world: World) -> None:
    await screen.page.goto(f"{screen.url}alerts")
    await screen.press("New alert")
    dialog = screen.page.get_by_role("dialog")
    await dialog.get_by_label("Number of the staff").fill("+34 600 99 88 77")
    await dialog.get_by_label("Texted by").select_option(str(world.config_id))
    await dialog.get_by_label("A reply failed").check()
    await dialog.get_by_role("button", name="Save").click()
    card = screen.page.get_by_role("region", name="+34 600 99 88 77")
    await expect(card).to_contain_text("Waits for the code")
    await card.get_by_role("button", name="Deliveries").click()
    await expect(card.locator(".people li")).to_have_count(1)


async def test_an_address_that_is_refused_is_told_in_words(screen: Screen, world: World) -> None:
    await screen.page.goto(f"{screen.url}alerts")
    await screen.press("New alert")
    dialog = screen.page.get_by_role("dialog")
    await dialog.get_by_label("Who is told").select_option("webhook")
    await dialog.get_by_label("Address").fill("http://plain.example.com/")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    screen.forgive("status of 422")
