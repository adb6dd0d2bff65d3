"""The commands and their options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from pkmodel import __version__
from pkmodel.cli import tables
from pkmodel.cli.faults import Program, in_options, warn_of_failures
from pkmodel.cli.files import Files
from pkmodel.cli.options import (
    FILES,
    MODEL,
    STUDY,
    TIMES,
    Pair,
    debug,
    responses,
    table_option,
    with_options,
)
from pkmodel.cli.records import answer_lines, drawn_for, read_doses, table_lines, tell
from pkmodel.cli.responding import read_study, response_table
from pkmodel.cli.study import (
    Arms,
    end_of,
    exposure,
    fine_times,
    implied_ratios,
    output_times,
    ratios_to_judge,
    window,
)
from pkmodel.cli.sweep import sweep
from pkmodel.cli.trial import trial
from pkmodel.cli.validation import validate
from pkmodel.cli.warm import warm
from pkmodel.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pkmodel.cli.responding import Answers
    from pkmodel.cli.study import Run, Study
    from pkmodel.events import EventTable

__all__ = ["main"]


# ----------------------------------------------------------------------------------------- commands


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": tables.WIDTH},
    epilog="""\b
Examples:
  pkmodel drugs
  pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 300
  pkmodel equivalence morphine

\b
Exit status:
  0  all is well
  1  a file cannot be read or written, a package is missing, or cases failed
  2  the input is wrong""",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@debug
def main() -> None:
    """Compare intrathecal with oral dosing by compartment models.

    For research. Not for dosing patients.
    """


@main.command(
    epilog="""\b
Examples:
  Oral morphine against a pump at 1/300 of the daily dose, with a figure:
    pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 300 --plot comparison.png
  Three ratios in 200 subjects, all profiles stored:
    pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 30,100,300 \\
        --subjects 200 --seed 1 -o ratios.nc
  A pump order of your own, and a third arm:
    pkmodel compare morphine --oral "60 mg oral modified q12h x 28" \\
        --intrathecal "1 mg/day intrathecal pump for 14 d" \\
        --arm epidural="4 mg epidural bolus q12h x 28"
  What the concentrations do, if the curve of analgesia is steeper:
    pkmodel compare morphine --oral "60 mg oral q12h x 28" --responses analgesia --set analgesia_hill=4
"""
)
@click.argument("drug")
@with_options(
    click.option("--oral", metavar="REGIMEN", help='The oral arm: "60 mg oral q12h x 28".'),
    click.option("--intrathecal", metavar="REGIMEN",
                 help="The intrathecal arm; by default a pump that gives the oral daily dose / ratio."),
    click.option("--arm", "arms", type=Pair(), multiple=True, metavar='NAME="REGIMEN"',
                 help="Another arm. Repeatable."),
    click.option("--ratio", metavar="RATIO",
                 help="Oral : intrathecal dose ratio: 300, several (30,100,300), or a preset of the drug file "
                      "(clinical_start). By default the nominal one."),
    responses, *TIMES, *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def compare(ctx: click.Context, drug: str, **given: Any) -> None:
    """Compare ways of giving DRUG in the same subjects.

    DRUG is a name (see pkmodel drugs) or the path of a drug file. Prints the exposure of every site, and the
    dose ratio that each site would imply.
    """
    from pkmodel.comparison import compare as run

    files, (study, answers) = Files.of(given), read_study(drug, given)
    arms = Arms.of(study, given)
    regimens = list(arms.regimens.values())
    end = end_of(regimens, given["until"])
    span = window(regimens, end)

    def simulated(times: np.ndarray) -> Run:
        return lambda subjects: run(
            study.drug, **arms.arguments, times=times, parameters={**study.settings, **answers.settings},
            subjects=subjects, seed=study.seed, intended=study.intended, responses=answers.names,
        )  # fmt: skip

    times = fine_times(regimens, *span)
    fine = simulated(times)
    metrics = study.in_parts(lambda subjects: exposure(fine(subjects)), times.size)
    say(
        [*study_lines(study, given["settings"]), *tables.regimen_table(arms.regimens)],
        tables.exposure_table(study.printed(metrics), span, arms.labels),
        response_table(metrics, arms.labels),
        ratio_lines(study, arms),
        tables.closing(study.drug),
    )
    keep(files, study, simulated(output_times(end, given["every"])))
    ctx.exit(int(warn_of_failures(metrics.status)))


def ratio_lines(study: Study, arms: Arms) -> list[str]:
    """The nominal ratio beside those that the sites imply; why not, where there are none."""
    from pkmodel.variables import explain

    if arms.pair is None:
        return ["Dose ratio: none, it takes an oral and an intrathecal arm."]
    oral, intrathecal = arms.pair
    try:
        nominal = arms.ratios or [oral.daily_dose() / intrathecal.daily_dose()]
        ratios = implied_ratios(study, oral, intrathecal)
    except InputError as error:
        return [tables.paragraph(f"Dose ratio: none. {in_options(str(error))}")]
    if bool((ratios.status > 0).all()):
        return [tables.paragraph(f"Dose ratio: none. {explain(int(ratios.status.max()))}")]
    return tables.ratio_table(study.printed(ratios), nominal)


@main.command(
    epilog="""\b
Examples:
  One patient, for 14 days, then 3 days of washout:
    pkmodel simulate morphine "0.4 mg/day intrathecal pump for 14 d" --until "17 d" -o pump.nc
  A single dose in 100 subjects, every 5 min:
    pkmodel simulate morphine "0.3 mg intrathecal bolus" --until "24 h" --every "5 min" \\
        --subjects 100 --seed 1 -o bolus.csv
  With what the concentrations do:
    pkmodel simulate morphine "60 mg oral q12h x 28" --responses analgesia,respiration
  A table of doses and observations with the columns TIME [h], AMT [mg], ROUTE, and perhaps ID, EVID, II [h], ADDL,
  RATE, DUR, SS; the answers at its observation records:
    pkmodel simulate morphine --table data.csv -o answers.csv
"""
)
@click.argument("drug")
@click.argument("regimen", required=False)
@with_options(
    table_option, responses, *TIMES, *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def simulate(ctx: click.Context, drug: str, regimen: str | None, **given: Any) -> None:
    """Simulate a REGIMEN of DRUG.

    REGIMEN is text such as "60 mg oral q12h x 28" or "0.4 mg/day intrathecal pump for 14 d". Prints the
    exposure of every site; of a table with subjects or observations, the answers at its observation records, or
    at the times of --until and --every.
    """
    from pkmodel.regimen import Regimen
    from pkmodel.simulation import simulate as run

    files, (study, answers) = Files.of(given), read_study(drug, given)
    ordered = read_doses(given["table"], regimen, study)
    if not isinstance(ordered, Regimen):
        ctx.exit(simulate_records(study, answers, ordered, files, given))
    end = end_of([ordered], given["until"])
    span = window([ordered], end)

    def simulated(times: np.ndarray) -> Run:
        return lambda subjects: run(
            study.drug, ordered, times, answers.parameters(study, subjects), auc=True,
            intended=study.intended, responses=answers.names,
        )  # fmt: skip

    times = fine_times([ordered], *span)
    fine = simulated(times)
    metrics = study.in_parts(lambda subjects: exposure(fine(subjects)), times.size)
    say(
        [*study_lines(study, given["settings"]), *tables.regimen_table({"": ordered})],
        tables.exposure_table(study.printed(metrics), span, {"": {}}),
        response_table(metrics, {"": {}}),
        tables.closing(study.drug),
    )
    keep(files, study, simulated(output_times(end, given["every"])))
    ctx.exit(int(warn_of_failures(metrics.status)))


def simulate_records(
    study: Study, answers: Answers, table: EventTable, files: Files, given: Mapping[str, Any]
) -> int:
    """Simulate an event table, and tell of its answers; returns the exit status."""
    from pkmodel.responses.averaging import averages
    from pkmodel.simulation import simulate as run

    if files.plot is not None:
        raise InputError(
            "--plot draws regimens, not event tables", remedy="Leave it out, and use -o."
        )
    times = None
    if given["until"] is not None or given["every"] is not None:
        times = output_times(given["until"] or float(table.time.max()), given["every"])
    ds = run(
        study.drug, table, times, drawn_for(study, table, answers), amounts=False,
        intended=study.intended, responses=answers.names,
    )  # fmt: skip
    say(
        [*study_lines(study, given["settings"]), *table_lines(table, given["table"])],
        answer_lines(ds),
        response_table(ds.assign(averages(ds)), {"": {}}, "all hours") if answers.names else [],
        tables.closing(study.drug),
    )
    files.write(ds)
    return int(warn_of_failures(ds.status))


@main.command(
    epilog="""\b
Examples:
  When does what enter, and how much of it?
    pkmodel explain morphine "60 mg oral q12h x 4 + 0.2 mg intrathecal bolus at 36 h"
  Why is a dose of a data set not where it is expected?
    pkmodel explain morphine --table data.csv
"""
)
@click.argument("drug")
@click.argument("regimen", required=False)
@with_options(table_option, TIMES[0], *MODEL, debug)
def explain(drug: str, regimen: str | None, **given: Any) -> None:
    """List the doses that a REGIMEN of DRUG, or a table, comes to.

    One line per dose as it enters the model: after bioavailability, lag, rates, resets, and with the order or the
    row of the table that it comes from.
    """
    from pkmodel.simulation import explain as run

    study, _ = read_study(
        drug, {"subjects": None, "seed": 0, "intended": True, "all_sites": False, **given}
    )
    ordered = read_doses(given["table"], regimen, study)
    tell(run(study.drug, ordered, study.settings, until=given["until"]))


@main.command(
    short_help="Show the dose ratios of DRUG, published and implied.",
    epilog="""\b
Examples:
  What is published, and what the model says:
    pkmodel equivalence morphine
  Modified release, 500 subjects, with a figure:
    pkmodel equivalence morphine --reference "60 mg oral modified q12h" --subjects 500 --plot ratio.png
  Against intrathecal boluses, all numbers as a table:
    pkmodel equivalence morphine --reference "60 mg oral q12h" \\
        --test "0.1 mg intrathecal bolus q6h" -o ratios.csv
  Two other routes:
    pkmodel equivalence morphine --reference "3 mg epidural bolus q12h" --test "0.4 mg/day intrathecal pump"
""",
)
@click.argument("drug")
@with_options(
    click.option("--reference", metavar="REGIMEN",
                 help='What is compared with: "60 mg oral q12h". Its size does not matter, its form does. By default '
                      "oral every 12 h, or else an infusion."),
    click.option("--test", metavar="REGIMEN",
                 help="What is compared; by default an intrathecal pump at a constant rate."),
    click.option("--ratio", metavar="RATIO",
                 help="The ratio to judge: a number, several (30,100,300), or a preset of these routes. By default the "
                      "nominal one, or the ends of those published."),
    *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def equivalence(ctx: click.Context, drug: str, **given: Any) -> None:
    """Show dose ratios of DRUG: the published ones, and those that the model implies.

    The ratio is the daily dose by the reference over that by the test, oral over intrathecal if nothing else is
    said. It is a clinical belief and no identity of pharmacokinetics: the ratio of equal exposure differs from
    site to site ten-thousandfold.
    """
    from pkmodel.equivalence import pair

    files, (study, _) = Files.of(given), read_study(drug, given)
    ordered = [study.regimen(given[k]) if given[k] else None for k in ("reference", "test")]
    ratios = implied_ratios(study, *ordered)
    judged = ratios_to_judge(study.drug, pair(ratios), given["ratio"])
    compared = {name: study.regimen(ratios.attrs[name]) for name in ("reference", "test")}
    say(
        [*study_lines(study, given["settings"]), *tables.regimen_table(compared)],
        tables.published_lines(study.drug, pair(ratios)),
        tables.ratio_table(study.printed(ratios), judged),
        tables.targeting_lines(study.printed(ratios)),
        tables.why_lines(ratios),
        tables.closing(study.drug),
    )
    files.write(ratios)
    if files.plot:
        from pkmodel import plot

        files.draw(plot.ratio(ratios, judged[0] if given["ratio"] else None, drug=study.drug))
    ctx.exit(int(warn_of_failures(ratios.status)))


@main.command(
    short_help="List the drugs, show the numbers of one, or check files.",
    epilog="""\b
Examples:
  pkmodel drugs
  pkmodel drugs morphine
  pkmodel drugs morphine --notes
  pkmodel drugs morphine --citation
  pkmodel drugs check my_drug.toml my_other.toml
""",
)
@click.argument("names", nargs=-1, metavar="[DRUG | check FILE...]")
@click.option("--notes", is_flag=True, help="With the population and the note of every number.")
@click.option("--citation", is_flag=True, help="What to cite, and nothing else.")
@debug
@click.pass_context
def drugs(ctx: click.Context, names: tuple[str, ...], notes: bool, citation: bool) -> None:
    """List the drugs, show the numbers of DRUG with their sources, or check drug files.

    DRUG is a name or the path of a drug file. A check prints "ok" and how many numbers rest on what, or all faults
    of the file; the exit status is 2 if a file has any.
    """
    from pkmodel.drugs import Drug
    from pkmodel.drugs import citation as references

    drug, *files = names or (None,)
    if drug == "check":
        if not files or notes or citation:
            raise click.UsageError("write pkmodel drugs check FILE..., without options")
        ctx.exit(2 if sum(check_file(file) for file in files) else 0)
    if files:
        raise click.UsageError(
            "one DRUG at a time; to check files, write pkmodel drugs check FILE..."
        )
    if citation:
        click.echo("\n".join(tables.paragraph(line, hang=4) for line in references(drug)))
    elif drug is None:
        click.echo("\n".join(tables.drug_list([Drug.read(name) for name in Drug.names()])))
    else:
        click.echo("\n".join(tables.drug_page(Drug.read(drug), notes)))


def check_file(path: str) -> int:
    """Print whether a drug file is whole, or its faults; returns how many there are."""
    from pathlib import Path

    from pkmodel.drugs import Drug

    try:
        drug = Drug.read(Path(path))
        drug.model()
    except InputError as error:
        for fault in error.faults:
            click.echo(f"{path}: {fault}")
        return len(error.faults)
    click.echo(tables.paragraph(f"{path}: {tables.counts_line(drug)}", hang=2))
    return 0


for command in (trial, validate, warm, *sweep.commands.values()):
    debug(command)
for command in (trial, validate, sweep, warm):
    main.add_command(command)


def study_lines(study: Study, settings: Iterable[tuple[str, str]]) -> list[str]:
    """The drug, and in whom, with what is set as it was written."""
    fixed = [f"{name} = {text}" for name, text in settings]
    return [tables.heading(study.drug, study.subjects, study.seed, fixed)]


def say(*paragraphs: Sequence[str]) -> None:
    """Print lines, an empty one between paragraphs."""
    click.echo("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def keep(files: Files, study: Study, run: Run) -> None:
    """Simulate at the times of the result, and store or draw it; nothing if neither is asked."""
    if files.output is None and files.plot is None:
        return
    ds = study.in_parts(run)
    if study.subjects is not None:
        ds = ds.assign_attrs(seed=str(study.seed))
    files.write(ds)
    if files.plot is not None:
        from pkmodel import plot

        files.draw(plot.comparison(ds))
