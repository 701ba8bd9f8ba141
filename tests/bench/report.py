"""What was measured: figures with their aims, as a table, as JSON and as plots."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

COLOURS = ("#3d5a80", "#ee6c4d", "#98c1d9", "#293241", "#81b29a", "#e0a458")


@dataclass(frozen=True)
class Figure:
    """One quantity, measured once or in several runs; the median counts."""

    section: str
    name: str
    runs: tuple[float, ...]
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.runs)

    @property
    def aim(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def is_met(self) -> bool | None:
        """None: it has no aim."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least


@dataclass(frozen=True)
class Plot:
    """`lines`: points by name; drawn over x, or with `bars` as one bar per name and x."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: dict[str, list[tuple[float, float]]]
    bars: bool = False


@dataclass
class Report:
    """Collects what the sections measure, and prints each figure when it is known."""

    figures: list[Figure] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)
        print("  " + " | ".join(_cells(figure)), flush=True)

    def save(self, folder: Path) -> None:
        """Keep the figures of sections that did not run this time."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "results.json"
        known = json.loads(path.read_text())["figures"] if path.exists() else []
        fresh = {figure.section for figure in self.figures}
        kept = [figure for figure in known if figure["section"] not in fresh]
        figures = kept + [{**asdict(figure), "value": figure.value} for figure in self.figures]
        path.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n")
        for plot in self.plots:
            (folder / f"{plot.name}.svg").write_text(draw(plot))


def machine() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def load(folder: Path) -> list[Figure]:
    """All figures kept in `folder`, of this run and earlier ones."""
    kept = json.loads((folder / "results.json").read_text())["figures"]
    names = Figure.__dataclass_fields__
    figures = [{name: kept_one[name] for name in names} for kept_one in kept]
    return [Figure(**{**figure, "runs": tuple(figure["runs"])}) for figure in figures]


def table(figures: Iterable[Figure]) -> str:
    """Markdown."""
    head = ("section", "figure", "median", "runs", "aim", "met", "note")
    rows = [head, ("---",) * len(head)]
    rows += [(figure.section, *_cells(figure)) for figure in figures]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    runs = " ".join(_short(run) for run in figure.runs) if len(figure.runs) > 1 else ""
    met = {True: "yes", False: "**no**", None: ""}[figure.is_met]
    value = f"{_short(figure.value)} {figure.unit}".strip()
    return figure.name, value, runs, figure.aim, met, figure.note


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


# Plots

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 380, 70, 60, 50


def draw(plot: Plot) -> str:
    """SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        _text(WIDTH / 2, 22, plot.title, "middle", 15),
        _text((LEFT + WIDTH) / 2, HEIGHT - 8, plot.x_label, "middle"),
        f'<g transform="translate(16 {HEIGHT / 2}) rotate(-90)">'
        f"{_text(0, 0, plot.y_label, 'middle')}</g>",
    ]
    highest = max((y for line in plot.lines.values() for _, y in line), default=1) or 1
    parts += _y_axis(highest)
    parts += _bars(plot, highest) if plot.bars else _lines(plot, highest)
    parts += _legend(list(plot.lines))
    return "\n".join([*parts, "</svg>\n"])


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / (1.05 * highest)


def _y_axis(highest: float) -> list[str]:
    parts = []
    for step in range(6):
        value = highest * step / 5
        y = _y(value, highest)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y + 4, _short(value), "end"))
    return parts


def _lines(plot: Plot, highest: float) -> list[str]:
    xs = [x for line in plot.lines.values() for x, _ in line]
    low, high = min(xs), max(xs)
    span = (high - low) or 1
    place = [LEFT + (WIDTH - 40 - LEFT) * (x - low) / span for x in (low, (low + high) / 2, high)]
    parts = [
        _text(at, HEIGHT - BOTTOM + 18, _short(x), "middle")
        for at, x in zip(place, (low, (low + high) / 2, high), strict=True)
    ]
    for line, colour in zip(plot.lines.values(), COLOURS * 9, strict=False):
        points = " ".join(
            f"{LEFT + (WIDTH - 40 - LEFT) * (x - low) / span:.1f},{_y(y, highest):.1f}"
            for x, y in line
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
    return parts


def _bars(plot: Plot, highest: float) -> list[str]:
    xs = sorted({x for line in plot.lines.values() for x, _ in line})
    group = (WIDTH - 40 - LEFT) / len(xs)
    width = 0.8 * group / len(plot.lines)
    parts = [
        _text(LEFT + group * (place + 0.45), HEIGHT - BOTTOM + 18, _short(x), "middle")
        for place, x in enumerate(xs)
    ]
    for number, (line, colour) in enumerate(zip(plot.lines.values(), COLOURS * 9, strict=False)):
        for x, y in line:
            left = LEFT + group * (xs.index(x) + 0.05) + number * width
            top = _y(y, highest)
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{colour}"/>'
            )
            parts.append(_text(left + width / 2, top - 4, _short(y), "middle", 10))
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], float(LEFT)
    for name, colour in zip(names, COLOURS * 9, strict=False):
        parts.append(f'<rect x="{x}" y="31" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 14, 40, name, "start", 11))
        x += 30 + 6.3 * len(name)
    return parts


def _text(x: float, y: float, words: str, anchor: str, size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {place} text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
