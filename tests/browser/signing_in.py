"""Accounts, and links by e-mail: nothing is mailed, so the code of a link is made up here."""

from __future__ import annotations

import httpx
from playwright.async_api import Route, expect

from gateway.local.stack import Stack
from tests.browser.screen import Screen


async def sign_up(stack: Stack, email: str, password: str) -> str:
    """A new user of the project; answers with the session as Auth gives it."""
    return await _auth(stack, "signup", email, password)


async def follow_link_of_reset(screen: Screen, stack: Stack, email: str) -> None:
    """Ask for the link and open it: with the code that only the e-mail would have told."""
    await screen.page.goto(screen.url)
    await screen.page.locator(".sign-in-ways button").last.click()
    await _ask_and_follow(screen, stack, email)
    await expect(screen.page.locator("input[autocomplete=new-password]")).to_be_visible()


async def follow_link_to_sign_in(screen: Screen, stack: Stack, email: str) -> None:
    await screen.page.goto(screen.url)
    await screen.page.locator(".sign-in-ways button").first.click()
    await _ask_and_follow(screen, stack, email)


async def _ask_and_follow(screen: Screen, stack: Stack, email: str) -> None:
    await screen.page.locator("input[name=email]").fill(email)
    await screen.page.locator("button.primary").click()
    await expect(screen.page.get_by_role("status")).to_be_visible()
    session = await _auth(stack, "token?grant_type=password", email, "first-password")

    async def exchange(route: Route) -> None:
        await route.fulfill(status=200, content_type="application/json", body=session)

    await screen.page.route("**/auth/v1/token?grant_type=pkce", exchange)
    await screen.page.goto(f"{screen.url}?code=of-the-mail")


async def _auth(stack: Stack, path: str, email: str, password: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{stack.environ['SUPABASE_URL']}/auth/v1/{path}",
            headers={"apikey": stack.environ["SUPABASE_PUBLISHABLE_KEY"]},
            json={"email": email, "password": password},
        )
    assert answer.status_code == 200, answer.text
    return answer.text
