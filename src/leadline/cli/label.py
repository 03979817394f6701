"""`leadline label next` and `leadline label import`: rows to people, and their labels back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from leadline.cli.commands import ImportSettings, NextSettings, place_of
from leadline.cli.label_files import (
    Choices,
    Destination,
    Filled,
    Label,
    destination,
    imported,
    read_choices,
    read_filled,
    write_choices,
    write_labels,
    write_rows,
)
from leadline.cli.lines import Line, Lines
from leadline.cli.terminal import Progress, require_writable, show
from leadline.engine import open_engine
from leadline.estimate.few_labels import LEAST_LABELS
from leadline.estimate.labelling import Choice, Policy, choose
from leadline.log.reading import sources
from leadline.report.words import printable
from leadline.spec import Spec, load
from leadline.spec.load import told_with_lines
from leadline.values import InputError, counted

#: ids that are named in a message
NAMED = 5


def _declaration(named: str | None) -> Path:
    path = place_of(named)
    if path is None:
        raise InputError(
            "there is no leadline.yaml here: name one, or let `leadline init FILE...` write one from your predictions"
        )
    return Path(path)


# next ---------------------------------------------------------------------------------------------------------------


def run_next(progress: Progress, asked: NextSettings) -> int:
    """Choose rows, write them down for people, and log with which probabilities they were chosen."""
    path = _declaration(asked.declaration)
    if asked.budget <= 0:
        raise InputError(f"--budget {asked.budget}: ask for 1 label at least")
    if asked.floor < 0:
        raise InputError(f"--floor {asked.floor}: write 0 or more")
    out = Path(asked.out)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"--out {asked.out!r}: the name is to end in .csv or .parquet")
    if out.exists():
        raise InputError(f"{asked.out!r} is there already, perhaps with labels in it: name another file")
    require_writable(asked.out)
    people = [name.strip() for name in (asked.assign or "").split(",") if name.strip()]
    with progress as told:
        told("reading the declaration")
        spec = load(path)
        between, due = window_of(asked.window, spec), _due(asked.due)
        before = read_choices(path)
        _same_seed(before, asked.seed, path)
        told("choosing rows")
        spec = without_empty_outcomes(spec, path)
        with told_with_lines(path), open_engine(sources(spec)) as engine:
            policy = Policy(asked.budget, asked.floor, asked.seed)
            found = choose(spec, engine, policy, datetime.now(UTC), between, before.probabilities)
        if not found.table.num_rows:
            chosen = counted(len(found.probabilities), "row was", "rows were")
            raise InputError(
                f"{chosen} chosen of this window, and none waits for a label: a larger --budget chooses more of them,"
                " --window others"
            )
        new = {key: chance for key, chance in found.probabilities.items() if before.probabilities.get(key) != chance}
        if new:  # logged before they are handed out: a row that was handed out is a row that was logged
            kind = str(found.table.schema.field(spec.predictions.columns.id).type)
            write_choices(path, new, str(policy), asked.seed, found.window, kind)
        write_rows(out, spec, found, people, due)
    show(_told_of_next(asked, spec, found, before, people))
    return 0


def without_empty_outcomes(spec: Spec, path: Path) -> Spec:
    """The spec without outcomes where labels are to go into files of which there is none yet."""
    place = destination(spec, path)
    empty = place.declared and not any(place.directory.glob(place.pattern))
    return spec.model_copy(update={"outcomes": None}) if empty else spec


def window_of(text: str, spec: Spec) -> tuple[datetime, datetime] | None:
    """The event times from START up to END as people write them; None for LAST. Dates are of the declared zone."""
    if text.strip().upper() == "LAST":
        return None
    start, dots, end = text.partition("..")
    try:
        edges = [datetime.fromisoformat(part.strip()) for part in (start, end)]
    except ValueError:
        edges = []
    if not dots or len(edges) != 2:
        raise InputError(f"--window {text!r}: write LAST, or START..END such as 2013-12-01..2013-12-15")
    first, last = (each if each.tzinfo else each.replace(tzinfo=spec.zone) for each in edges)
    if first >= last:
        raise InputError(f"--window {text!r}: it ends before it begins, or when it does; END itself is not in it")
    return first, last


def _due(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--due {text!r}: write a day such as 2013-12-31") from None


def _same_seed(before: Choices, seed: int, path: Path) -> None:
    """With another seed rows have other numbers, and nobody could say with which probability a row was in either."""
    if before.seeds - {seed}:
        known = ", ".join(map(str, sorted(before.seeds)))
        raise InputError(
            f"rows were chosen with --seed {known} before ({path.parent / 'labels'}): stay with that, for the"
            " probabilities of two seeds cannot be put together"
        )


def _told_of_next(asked: NextSettings, spec: Spec, found: Choice, before: Choices, people: list[str]) -> Lines:
    start, end = (
        each.astimezone(spec.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
        for each in (found.window.start, found.window.end)
    )
    chosen, again = len(found.probabilities), sum(key in before.probabilities for key in found.probabilities)
    of_window = f"{found.rows:,} from {start} up to {end} ({spec.timezone})"
    lines = [f"Chose {counted(chosen, 'row')} of {of_window}, {asked.budget:,} in expectation."]
    if again:
        lines.append(f"{again:,} of them had been chosen before, {len(found.labelled):,} are labelled already.")
    lines.append(f"Wrote {counted(found.table.num_rows, 'row')} to {printable(asked.out)}, in random order.")
    if people:
        lines.append(f"They are assigned to {', '.join(map(printable, people))} in turn.")
    lines += _too_few(found)
    lines += ["", "Fill in the column `label`, leave empty what cannot be told, then run:"]
    named = "" if asked.declaration is None else f" {asked.declaration}"
    command = Line(f"leadline label import {asked.out}{named}", 2, "bold", copied=True)
    return Lines([*map(Line, lines), command])


def _too_few(found: Choice) -> list[str]:
    """Which slices of objectives these labels are too few for."""
    if not found.few:
        return []
    named = [f"{printable(str(where))} ({labels:,.0f})" for where, labels in list(found.few.items())[:NAMED]]
    more = f" and {len(found.few) - NAMED:,} more" if len(found.few) > NAMED else ""
    text = (
        f"An objective is judged for a slice from {LEAST_LABELS} labels in its window on. This choice alone asks for"
        f" fewer of {', '.join(named)}{more}: a --floor of {LEAST_LABELS} with a larger --budget asks for more where"
        " there are as many rows, and a longer --window has more rows."
    )
    return [text]


# import -------------------------------------------------------------------------------------------------------------


def run_import(progress: Progress, asked: ImportSettings) -> int:
    """Take back what people filled in, and say what became of it."""
    path = _declaration(asked.declaration)
    with progress as told:
        told("reading the labels")
        spec = load(path)
        choices = read_choices(path)
        if not choices.probabilities:
            raise InputError(
                f"no rows were chosen for {path} yet (there is no {path.parent / 'labels'}/chosen-*.parquet): labels of"
                " rows whose probability is not known say nothing of the others. Begin with `leadline label next`"
            )
        filled = read_filled(Path(asked.file), spec, choices)
        if filled.unknown and not filled.labels and not filled.empty:
            raise InputError(f"{asked.file!r}: {_unknown(filled)}. Is it the file of another declaration?")
        place = destination(spec, path)
        before = imported(place, spec)
        rows = to_append(filled, choices, before)
        if rows:
            told("writing the labels")
            written = write_labels(place, rows, spec, choices.id_type)
    lines = list(_told_of_import(filled, choices, before))
    if rows:
        lines.append(f"Wrote them to {printable(str(written))}.")
    show(Lines([*map(Line, lines), *(() if place.declared else _to_declare(spec, place, path))]))
    return 0


def to_append(filled: Filled, choices: Choices, before: Mapping[str, Label]) -> dict[str, Label]:
    """What is to be added to the outcomes: labels that are new or were changed, and those that were imported before
    whose row has since been chosen with a larger probability."""
    now = {key: label.value for key, label in before.items()} | dict(filled.labels)
    wanted = {
        key: Label(value, choices.probabilities.get(key, before[key].probability if key in before else 1.0))
        for key, value in now.items()
    }
    return {key: label for key, label in wanted.items() if before.get(key) != label}


def _unknown(filled: Filled) -> str:
    ids = filled.unknown
    named = ", ".join(printable(key) for key in ids[:NAMED]) + (", ..." if len(ids) > NAMED else "")
    are = "id was" if len(ids) == 1 else "ids were"
    return f"{len(ids):,} {are} never chosen for labelling: {named}"


def _told_of_import(filled: Filled, choices: Choices, before: Mapping[str, Label]) -> Iterator[str]:
    labels = filled.labels
    corrected = sum(key in before and before[key].value != value for key, value in labels.items())
    same = sum(key in before and before[key].value == value for key, value in labels.items())
    if not labels:
        yield "No labels are filled in yet."
    said = [f"{len(labels) - corrected - same:,} new"]
    said += [f"{corrected:,} corrected"] if corrected else []
    said += [f"{same:,} known already"] if same else []
    if labels:
        yield f"Took {counted(len(labels), 'label')}: {', '.join(said)}."
    if filled.empty and labels:
        yield f"{counted(filled.empty, 'row')} {'is' if filled.empty == 1 else 'are'} not filled in yet."
    if filled.unknown:
        yield f"Left out: {_unknown(filled)}. Spreadsheets may change long numbers and dates."
    done = len({*before, *labels})
    chosen = counted(len(choices.probabilities), "row that was", "rows that were")
    yield f"Of {chosen} chosen, {counted(done, 'is', 'are')} labelled."


def _to_declare(spec: Spec, place: Destination, path: Path) -> list[Line]:
    """The lines to add where the declaration does not read the labels yet."""
    source = (place.directory / place.pattern).relative_to(path.parent).as_posix()
    instead = " in place of the outcomes there, or in a declaration of their own" if spec.outcomes else ""
    yaml = ["outcomes:", f"  source: {source}", "  columns:"]
    yaml += [f"    {part}: {name}" for part, name in place.columns.items()]
    return [Line(""), Line(f"Add this to {path}{instead}:"), Line(""), *(Line(each, copied=True) for each in yaml)]
