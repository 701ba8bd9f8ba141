"""What one call of a tool adds to a reply, and what a message of a number with tools costs else.

Messages with and without a call take turns. The model takes no time: what a call adds is its round
through the worker, the Data API and the database, and one more request to the model.
"""

from __future__ import annotations

from statistics import median

from tests.bench.monday import EXAMPLE, TOOLS, UNDO
from tests.bench.report import Figure, Report
from tests.bench.system import set_speeds
from tests.bench.world import Bench, processes
from tests.flow.world import Row, World

SECTION = "12 tools"
BOOKS, ASKS = "Mesa para 4 el viernes a las 21", "¿Abren hoy?"
ROUNDS = 9


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    set_speeds(stack, 0.0)
    async with stack.postgres.connect() as database:
        await database.execute(UNDO.encode())
        await database.execute("set role postgres")
        await database.execute(EXAMPLE.read_bytes())
    world = await bench.number(tools=TOOLS)
    async with processes(stack, workers=1):
        for text in (BOOKS, ASKS):
            await answered(world, text)
        pairs = [(await answered(world, BOOKS), await answered(world, ASKS)) for _ in range(ROUNDS)]
    async with stack.postgres.connect() as database:
        await database.execute(UNDO.encode())
    with_tool, without = zip(*pairs, strict=True)
    added = tuple(float(a["generation_ms"] - b["generation_ms"]) for a, b in pairs)
    report.add(Figure(SECTION, "a call and its round of the model add", added, "ms"))
    inside = tuple(float(row["duration_ms"]) for row in with_tool)
    report.add(Figure(SECTION, "of it in the database, from record to result", inside, "ms"))
    calls = median(row["calls"] for row in with_tool) - median(row["calls"] for row in without)
    report.add(Figure(SECTION, "more calls of the Data API", (calls,), at_most=1))


async def answered(world: World, text: str) -> Row:
    """The reply's row, the time of its tool, and the calls of the Data API but for claims."""
    calls = world.stack.proxy.calls
    calls.clear()
    contact = world.contact()
    await world.texts_from(contact, text)
    reply = await world.answered(contact)
    made = await world.rows("select * from sms_tool_calls where reply_id = %s", reply["id"])
    working = ("ingest_sms", "call_sms_tool", "queue_sms_reply", "finish_sms_send")
    return reply | {
        "duration_ms": sum(call["duration_ms"] for call in made),
        "calls": sum(calls[name] for name in working),
    }
