"""`sim --compare` and `sim --stat-weights`: what differs when everybody has the same luck."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from node.commands.inputs import inputs, workers_of
from node.commands.show import progress_bar, write_page
from node.comparison import Comparison, Difference
from node.comparison_page import comparison_page, weights_page
from node.comparison_report import comparison_table, weights_table
from node.engine.results import digest, merge, statistics
from node.errors import ConfigurationError
from node.simulation import check_config, load_engine, read_config
from node.speed import Stopwatch
from node.spreadsheet import write_rows
from node.stat_weights import weigh, yardstick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.commands.command import Context
    from node.comparison import Compared

    Config = Mapping[str, Any]
    Row = dict[str, Any]

_FIGURES = ("mean", "standard_error", "confidence_low", "confidence_high")


def compare(context: Context, sources: Sequence[str]) -> int:
    """Let several configs fight the same fights, and compare each with the first."""
    if len(sources) < 2:  # noqa: PLR2004 - a comparison is of two
        raise ConfigurationError(
            "--compare needs two configs or more", advice="Like: sim --compare old.json new.json"
        )
    configs = [read_config(source, inputs(context.values)) for source in sources]
    pairs = [(number, 0) for number in range(1, len(configs))]
    compared, about = _run(context, configs, pairs)
    rows = [
        {"config": source, "baseline": sources[0], **difference.figures}
        for source, difference in zip(sources[1:], _differences(compared, pairs), strict=True)
    ]
    write_page(context, lambda told: comparison_page(sources, compared.results, rows, told), about)
    if context.values["csv"]:
        write_rows(context.out.file, rows)
    elif context.as_json:
        shown = [
            {"config": source, **statistics(result), "digest": digest(result), "result": result}
            for source, result in zip(sources, compared.results, strict=True)
        ]
        context.print_json({**about, "configs": shown, "differences": rows})
    else:
        context.out.print(comparison_table(sources, compared.results, rows))
    return 0


def stat_weights(context: Context, source: str) -> int:
    """Measure what a little more of each stat is worth."""
    config = read_config(source, inputs(context.values))
    _check(context, config)
    weighed = weigh(config, context.values["stats"] or ())
    if not weighed:
        raise ConfigurationError("the player has no stats to weigh")
    configs = [config for one in weighed for config in (one.more, one.less)]
    pairs = [(2 * number, 2 * number + 1) for number in range(len(weighed))]
    compared, about = _run(context, configs, pairs)
    rows: list[Row] = []
    for one, difference in zip(weighed, _differences(compared, pairs), strict=True):
        figures = difference.figures
        worth = {name: figures[name] / one.apart for name in _FIGURES}
        rows.append({"stat": one.stat, "apart": one.apart, **worth})
        rows[-1]["significant"] = figures["significant"]
    _show_weights(context, rows, about)
    return 0


def _show_weights(context: Context, rows: list[Row], about: Row) -> None:
    measure = yardstick({row["stat"]: row["mean"] for row in rows})
    unit = next((row["mean"] for row in rows if row["stat"] == measure), 0)
    for row in rows:
        row["relative"] = round(row["mean"] / unit, 6) if unit else None
    rows.sort(key=lambda row: -row["mean"])
    write_page(context, lambda told: weights_page(rows, measure, told), about)
    if context.values["csv"]:
        write_rows(context.out.file, rows)
    elif context.as_json:
        context.print_json({**about, "relative_to": measure, "weights": rows})
    else:
        context.out.print(weights_table(rows, measure))


def _run(
    context: Context, configs: Sequence[Config], pairs: Sequence[tuple[int, int]]
) -> tuple[Compared, Row]:
    values, workers = context.values, workers_of(context.values)
    engine = load_engine(context.settings, configs[0])
    for config in configs:
        _check(context, config)
    if len({config.get("engine") for config in configs}) > 1:
        raise ConfigurationError("configs of different engines cannot be compared")
    context.say("[dim]compiling…[/]")
    plans = [engine.prepare(config) for config in configs]
    comparison = Comparison(engine, plans, pairs, values["seed"], values["iterations"])
    watch = Stopwatch()
    with progress_bar(context, "comparing", values["iterations"]) as show:
        compared = comparison.run(workers, lambda done: show(done, watch.rate(done)))
    speed = watch.speed(reduce(merge, compared.results))
    about = {"iterations": values["iterations"], "seed": values["seed"]}
    return compared, {**about, "workers": workers, "speed": speed}


def _check(context: Context, config: Config) -> None:
    check_config(load_engine(context.settings, config), config)


def _differences(compared: Compared, pairs: Sequence[tuple[int, int]]) -> list[Difference]:
    return [
        Difference(metric, compared.results[one], compared.results[other])
        for metric, (one, other) in zip(compared.differences, pairs, strict=True)
    ]
