"""`leadline plan`: how long it would take to find out, from what the log shows."""

from __future__ import annotations

import sys

from leadline.cli.commands import PlanSettings, declared_place
from leadline.cli.terminal import Progress, rendered, write
from leadline.evaluation.judging import Judging
from leadline.evaluation.planning import plans
from leadline.evaluation.result import moment
from leadline.evaluation.run import evaluate_log
from leadline.report.plan import PlanReport
from leadline.spec import load
from leadline.spec.load import told_with_lines


def run(progress: Progress, asked: PlanSettings) -> int:
    """Evaluate the log, and print the plans of its objectives."""
    path = declared_place(asked.declaration, "plan")
    with progress as told:
        told("reading the declaration")
        spec = load(path)
        with told_with_lines(path):
            evaluation = evaluate_log(spec, moment(asked.as_of, spec), progress=told)
        told("computing the figures")
        found = plans(Judging(evaluation))
    if asked.format == "json":
        write(found.to_json() + "\n", people=False)
    else:
        write(rendered(PlanReport(found.content), sys.stdout.isatty()), people=True)
    return 0
