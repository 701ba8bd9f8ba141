"""What the assistant knows: documents, questions without an answer, what a reply was made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.screen import Screen
from tests.flow.world import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


async def ask(world: World, question: str) -> None:
    await world.rows(
        "insert into sms_questions (user_id, config_id, question, plain, asked)"
        " select user_id, id, %s, lower(%s), 3 from sms_configs where id = %s",
        question,
        question,
        world.config_id,
    )


async def forget(world: World) -> None:
    await world.rows("delete from sms_documents")
    await world.rows("delete from sms_questions")


async def test_a_document_is_written_found_and_named_under_the_reply_made_with_it(
    screen: Screen, world: World
) -> None:
    await screen.page.goto(f"{screen.url}knowledge")
    await screen.press("New document")
    dialog = screen.page.get_by_role("dialog")
    await dialog.get_by_label("Title").fill("Horario")
    await dialog.get_by_label("Text").fill("Los domingos abrimos de 9 a 15 h.")
    await dialog.get_by_label("Language").select_option("spanish")
    await dialog.get_by_role("button", name="Save").click()
    await expect(screen.page.get_by_role("button", name="Horario")).to_be_visible()
    await screen.page.get_by_label("A question, as a contact").fill("¿abren el domingo?")
    await screen.press("Look it up")
    await expect(screen.page.locator(".passages")).to_contain_text("de 9 a 15 h")

    contact = world.contact()
    await world.texts_from(contact, "¿abren el domingo?")
    await world.answered(contact)
    await screen.page.goto(screen.url)
    await screen.open(contact)
    reply = screen.thread.get_by_role("article").last
    await reply.hover()
    await reply.get_by_role("button", name="Details").click()
    await expect(reply).to_contain_text("Made with")
    await expect(reply).to_contain_text("Los domingos abrimos de 9 a 15 h.")
    await forget(world)


async def test_an_unanswered_question_becomes_known(screen: Screen, world: World) -> None:
    await ask(world, "¿Tienen pan sin gluten?")
    await screen.page.goto(f"{screen.url}knowledge")
    question = screen.page.get_by_role("listitem").filter(has_text="sin gluten")
    await expect(question).to_contain_text("asked 3 times")
    await question.get_by_role("button", name="Put away").click()
    await expect(question).to_have_count(0)
    await screen.press("Undo")
    await question.get_by_role("button", name="Answer").click()
    await question.get_by_label("Your answer").fill("Sí, de lunes a viernes por encargo.")
    await question.get_by_role("button", name="Save").click()
    await expect(screen.page.get_by_text("Every question could be answered.")).to_be_visible()
    [row] = await world.rows("select content from sms_documents")
    assert "de lunes a viernes por encargo" in row["content"]
    await forget(world)


async def test_files_are_uploaded_and_what_is_no_text_is_refused_in_words(
    screen: Screen, world: World, tmp_path: Path
) -> None:
    (tmp_path / "precios.md").write_text("# Pan\n\nEl de masa madre cuesta 4,20 €.")
    (tmp_path / "foto.txt").write_bytes(b"\x01\x02\x03")
    await screen.page.goto(f"{screen.url}knowledge")
    chooser = screen.page.locator("input[type=file]")
    await chooser.set_input_files(tmp_path / "precios.md")
    await expect(screen.page.get_by_role("button", name="precios")).to_be_visible()
    await chooser.set_input_files(tmp_path / "foto.txt")
    await expect(screen.page.locator(".notice")).to_contain_text("1 to 100,000 characters")
    screen.forgive("status of 422")
    await forget(world)
