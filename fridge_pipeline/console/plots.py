"""Plots drawn from the rows of a table that stands beside them: inline SVG, no script, colours by the style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from fridge_pipeline.finance.pages.cells import count

HEIGHT = 150
LEFT, TOP, BOTTOM = 70, 10, 24

#: All plots of bars are about as wide, however many bars they have.
WIDTH, BAR_MIN, BAR_MAX = 720, 6, 60

#: Of a cell of a grid; the colours are so many.
CELL_WIDTH, CELL_HEIGHT, SHADES = 84, 26, 5

#: Room for a word below a plot.
LABEL_WIDTH = 54

Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands at one place: its label, and its parts by name; ``None`` where nobody knows anything."""

    label: str
    parts: Mapping[str, Number] | None


def stacked(title: str, bars: Sequence[Bar], names: Mapping[str, str]) -> Markup:
    """Bars of parts on top of one another; ``names`` are the parts from the bottom, with the class of their colour.

    What is not known has a mark at the bottom, and is no bar of height 0.
    """
    highest = max((sum(bar.parts.values()) for bar in bars if bar.parts is not None), default=0)
    wide = min(max(WIDTH // max(len(bars), 1), BAR_MIN), BAR_MAX)
    space = max(wide // 8, 1)
    paths = dict.fromkeys(names, "")
    gaps = ""
    for place, bar in enumerate(bars):
        if bar.parts is None:
            gaps += f"M{place * wide + wide // 2 - 3} {HEIGHT}v-4h6v4z"
            continue
        bottom = Decimal(0)
        for name in names:
            value = max(Decimal(bar.parts.get(name) or 0), Decimal(0))
            low, high = (_scaled(each, highest) for each in (bottom, bottom + value))
            bottom += value
            if value > 0:
                tall = max(high - low, 1)
                paths[name] += f"M{place * wide + space} {HEIGHT - low}v-{tall}h{wide - 2 * space}v{tall}z"
    drawn = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(names[name], path) for name, path in paths.items() if path
    )
    drawn += Markup('<path class="gap" d="{}"/>').format(gaps) if gaps else Markup("")
    legend = Markup("").join(
        Markup('<li><span class="key {}"></span>{}</li>').format(names[name], name)
        for name, path in paths.items()
        if path
    )
    if gaps:
        legend += Markup('<li><span class="key gap"></span>no data</li>')
    return _figure(
        title,
        _in_words(bars, names),
        max(len(bars), 1) * wide,
        highest,
        _labels([bar.label for bar in bars], wide) + drawn,
        legend,
    )


def waterfall(title: str, steps: Sequence[tuple[str, str, Number | None]]) -> Markup:
    """From the first number to the last: each whole, and between two of them what is lost or gained on the way.

    A step is its name, what is said when nothing is known, and its number.
    """
    highest = max((value for _, _, value in steps if value is not None), default=0)
    wide = 92
    drawn = Markup("")
    before: Number | None = None
    for place, (label, missing, value) in enumerate(steps):
        x = place * wide
        drawn += Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(x + wide // 2, HEIGHT + 16, label)
        if value is None:
            drawn += Markup('<path class="gap" d="M{} {}v-4h40v4z"/>').format(x + 26, HEIGHT)
            drawn += Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                x + wide // 2, HEIGHT - 10, missing
            )
            continue
        height = max(_scaled(value, highest), 1) if value > 0 else 0
        drawn += Markup('<path class="column" d="M{} {}v-{}h56v{}z"/>').format(x + 18, HEIGHT, height, height)
        drawn += Markup('<text class="value" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            x + wide // 2, HEIGHT - height - 4, count(value)
        )
        if before is not None and value != before:
            low, high = sorted((_scaled(before, highest), height))
            drawn += Markup('<path class="{}" d="M{} {}v-{}h12v{}z"/>').format(
                "lost" if value < before else "more", x + 2, HEIGHT - low, max(high - low, 1), max(high - low, 1)
            )
        before = value
    words = ", ".join(f"{label} {missing if value is None else count(value)}" for label, missing, value in steps)
    return _figure(title, words, len(steps) * wide, highest, drawn, Markup(""))


def _scaled(value: Number, highest: Number) -> int:
    return round(float(value) / float(highest) * HEIGHT) if highest else 0


def _labels(labels: Sequence[str], wide: int) -> Markup:
    step = -(-LABEL_WIDTH // wide)
    return Markup("").join(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            place * wide + wide // 2, HEIGHT + 16, label
        )
        for place, label in enumerate(labels)
        if place % step == 0
    )


def _figure(title: str, words: str, width: int, highest: Number, drawn: Markup, legend: Markup) -> Markup:
    return Markup(
        '<figure><figcaption>{title}</figcaption><svg class="chart {size}" viewBox="-{left} -{top} {whole} {tall}" '
        'role="img" aria-label="{label}"><g class="axis" aria-hidden="true"><path d="M-4 0H{width}M-4 {half}H{width}"/>'
        '<path class="base" d="M-4 {height}H{width}"/><text x="-10" y="4" text-anchor="end">{highest}</text>'
        '<text x="-10" y="{below}" text-anchor="end">0</text></g><g class="drawn">{drawn}</g></svg>'
        '<ul class="legend">{legend}</ul></figure>'
    ).format(
        title=title,
        size="narrow" if width < WIDTH // 2 else "",
        left=LEFT,
        top=TOP + 8,
        whole=width + LEFT + 12,
        tall=HEIGHT + TOP + BOTTOM + 8,
        label=f"{title}: {words}",
        width=width,
        half=HEIGHT // 2,
        height=HEIGHT,
        highest=count(highest),
        below=HEIGHT + 4,
        drawn=drawn,
        legend=legend,
    )


def _in_words(bars: Sequence[Bar], names: Mapping[str, str]) -> str:
    known = [bar.parts for bar in bars if bar.parts is not None]
    sums = {name: sum(Decimal(parts.get(name) or 0) for parts in known) for name in names}
    missing = len(bars) - len(known)
    told = ", ".join(f"{count(total)} {name}" for name, total in sums.items() if total)
    return f"{told or 'nothing'} in all{f'; no data at {missing} of {len(bars)} places' if missing else ''}"


def heat_map(title: str, cells: Mapping[tuple[str, str], Number]) -> Markup:
    """A grid of numbers, the more the darker; a place without a number stays empty."""
    down, across = (sorted({key[place] for key in cells}) for place in (0, 1))
    highest = max(cells.values(), default=0)
    drawn = Markup("")
    for x, label in enumerate(across):
        drawn += Markup('<text x="{}" y="-6" text-anchor="middle">{}</text>').format(
            x * CELL_WIDTH + CELL_WIDTH // 2, label
        )
    for y, label in enumerate(down):
        middle = y * CELL_HEIGHT + CELL_HEIGHT // 2 + 4
        drawn += Markup('<text x="-8" y="{}" text-anchor="end">{}</text>').format(middle, label)
        for x, other in enumerate(across):
            value = cells.get((label, other))
            if value is None:
                continue
            shade = 1 + min(int(float(value) / float(highest) * SHADES), SHADES - 1) if value > 0 else 0
            drawn += Markup('<rect class="heat{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                shade, x * CELL_WIDTH + 1, y * CELL_HEIGHT + 1, CELL_WIDTH - 2, CELL_HEIGHT - 2
            )
            drawn += Markup('<text class="on{}" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                shade, x * CELL_WIDTH + CELL_WIDTH // 2, middle, count(value)
            )
    width, height = max(len(across), 1) * CELL_WIDTH, max(len(down), 1) * CELL_HEIGHT
    return Markup(
        '<figure class="grid"><figcaption>{}</figcaption><svg class="map" viewBox="-{} -24 {} {}" width="{}" '
        'role="img" aria-label="{}"><g class="drawn">{}</g></svg></figure>'
    ).format(
        title,
        LEFT + 20,
        width + LEFT + 24,
        height + 28,
        width + LEFT + 24,
        f"{title}: {len(cells)} numbers, see the table",
        drawn,
    )
