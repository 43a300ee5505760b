"""A run as a picture: SVG, drawn by hand, so that it needs no library."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fleets.records import Sample

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 150, 70, 56, 52
COLOURS: Final = ("#2a6fdb", "#e08a00", "#c02f4a")


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over time that share a scale."""

    title: str
    unit: str
    lines: dict[str, list[float]]

    def draw(self, times: Sequence[float], top: float) -> str:
        """The panel as SVG elements."""
        highest = max((value for line in self.lines.values() for value in line), default=0.0) or 1.0
        parts = [
            f'<text x="{LEFT}" y="{top - 10}" class="title">{escape(self.title)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" class="frame"/>',
        ]
        for share in (0.0, 0.5, 1.0):
            y = top + HEIGHT * (1 - share)
            parts.append(
                f'<text x="{LEFT - 6}" y="{y + 4}" class="scale">'
                f"{highest * share:,.4g} {escape(self.unit)}</text>"
            )
        right = LEFT + WIDTH - 8
        for place, (name, line) in enumerate(self.lines.items()):
            points = " ".join(
                f"{LEFT + WIDTH * at / times[-1]:.1f},{top + HEIGHT * (1 - value / highest):.1f}"
                for at, value in zip(times, line, strict=True)
            )
            colour = COLOURS[place % len(COLOURS)]
            parts.append(f'<polyline points="{points}" stroke="{colour}"/>')
            parts.append(
                f'<text x="{right - 60 * place}" y="{top - 10}" class="legend" fill="{colour}">'
                f"{escape(name)}</text>"
            )
        return "\n".join(parts)


def panels(samples: Sequence[Sample], offered: float) -> list[Panel]:
    """What is worth seeing of a run."""

    def shares(kind: str) -> dict[str, list[float]]:
        # a period without such a call shows as zero
        calls = [sample.calls.get(kind, (0.0, 0.0, 0.0)) for sample in samples]
        return {
            name: [1000 * call[place] for call in calls]
            for place, name in enumerate(("p50", "p95", "p99"))
        }

    return [
        Panel(
            "Exchanges a second",
            "/s",
            {
                "held": [sample.exchanges for sample in samples],
                "offered": [offered] * len(samples),
            },
        ),
        Panel("exchange_chunks", "ms", shares("exchange")),
        Panel("node_heartbeat", "ms", shares("heartbeat")),
        Panel("Calls begin late, p95", "ms", {"": [1000 * sample.lateness for sample in samples]}),
        Panel("Database", "MB", {"": [sample.size / 1e6 for sample in samples]}),
        Panel("Dead rows", "", {"": [float(sample.dead_rows) for sample in samples]}),
        Panel("Finished chunks", "", {"": [float(sample.finished_chunks) for sample in samples]}),
    ]


def draw(title: str, samples: Sequence[Sample], offered: float) -> str:
    """The whole picture."""
    times = [sample.at for sample in samples]
    drawn = panels(samples, offered)
    height = TOP + len(drawn) * (HEIGHT + GAP) + 10
    body = "\n".join(
        panel.draw(times, TOP + 20 + place * (HEIGHT + GAP)) for place, panel in enumerate(drawn)
    )
    width = LEFT + WIDTH + 30
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<style>
  text {{ font: 12px sans-serif }} .title {{ font-weight: bold }} .legend {{ text-anchor: end }}
  .scale {{ text-anchor: end; font-size: 10px; fill: #555 }}
  .frame {{ fill: none; stroke: #bbb }} polyline {{ fill: none; stroke-width: 1.5 }}
</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="26" style="font-size:16px">{escape(title)}</text>
<text x="{LEFT}" y="44" fill="#555">{times[-1]:,.0f} seconds from left to right</text>
{body}
</svg>
"""
