"""What a replay under way costs those who write meanwhile: replies beside it, and with none."""

from __future__ import annotations

from tests.bench.events import MODEL_SECONDS, added_latency
from tests.bench.report import Figure, Report
from tests.bench.system import forget, set_speeds
from tests.bench.world import Bench, processes
from tests.flow.world import World

SECTION = "15 replay"
START = 'select start_sms_replay(%s, \'{"openai_model": "gpt-6-luna"}\') as id'


async def measure(bench: Bench, report: Report) -> None:
    set_speeds(await bench.stack(), MODEL_SECONDS)
    world, added = await bench.number(), dict[str, list[float]](alone=[], beside=[])
    async with processes(world.stack):
        await added_latency(bench, world)  # everything connects, and there is something to replay
        for _ in range(bench.size.of(5, 1)):
            added["alone"].append(await added_latency(bench, world))
            replay = (await world.rows(START, world.config_id))[0]["id"]
            added["beside"].append(await added_latency(bench, world))
            assert await answers(world, str(replay)) or bench.size.quick, "it went on meanwhile"
            await world.rows("select cancel_sms_replay(%s) is null as done", replay)
    for name, turns in added.items():
        what = f"added latency at 5 messages/s, {name} a replay, p50"
        report.add(Figure(SECTION, what, tuple(seconds * 1000 for seconds in turns), "ms"))
    ratios = tuple(b / a for a, b in zip(added["alone"], added["beside"], strict=True))
    report.add(Figure(SECTION, "added latency, beside a replay / alone", ratios, at_most=1.1))
    await forget(world)


async def answers(world: World, replay_id: str) -> int:
    [row] = await world.rows(
        "select count(*) as n from sms_replay_answers where replay_id = %s and state = 'answered'",
        replay_id,
    )
    return int(row["n"])
