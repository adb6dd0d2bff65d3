"""Draw the figures of docs/devices.md into the folder that is given, or here.

python examples/devices.py docs/figures

One function per device: it turns an order into what enters the body, simulates it and draws the course. The rates of
demands, the adherence, the flow of the elastomeric pump and the absorption from the wound are assumptions.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pkmodel import (
    Compartment,
    Drug,
    Flow,
    Input,
    Model,
    Parameter,
    library,
    population,
    simulate,
)
from pkmodel.devices.adherence import Adherence
from pkmodel.devices.conversion import to_pump
from pkmodel.devices.demands import poisson_demands
from pkmodel.devices.pca import PCA
from pkmodel.devices.trial import BACLOFEN_SCREENING, screen
from pkmodel.devices.wound import ElastomericPump, with_depot

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.5"
NG_PER_ML = 1000.0  # per mg/L


def pca() -> plt.Figure:
    """Morphine, 1 mg on demand, lock-out 10 min: 200 subjects, and one of them."""
    model = Drug.read("morphine").model()
    pump = PCA("1 mg", lockout="10 min", limit="10 mg", window="4 h")
    demands = poisson_demands(200, 4.0, "24 h", seed=1, day={7: 1.0, 22: 0.3}, clock=14.0)
    course = pump.run(demands, until="24 h")
    hours = np.linspace(0, 24, 481)
    subjects = population.draw(model, 200, seed=1)
    ds = simulate(model, course.events, times=hours, parameters=subjects, amounts=False)
    plasma = NG_PER_ML * ds.concentration.sel(site="plasma")

    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, height_ratios=[3, 1], figsize=(7.2, 4))
    low, middle, high = plasma.quantile([0.05, 0.5, 0.95], "subject")
    upper.fill_between(hours, low, high, color=BLUE, alpha=0.2, lw=0, label="5 to 95 %")
    upper.plot(hours, middle, color=BLUE, label="median of 200")
    upper.plot(hours, plasma.sel(subject=1), color=RED, lw=0.8, label="subject 1")
    upper.set_ylabel("Plasma morphine [ng/mL]")
    upper.legend(frameon=False)
    log = course.log[course.log.subject == 1]
    for place, (outcome, color) in enumerate(
        {"limit": GREY, "lock-out": GREEN, "given": RED}.items()
    ):
        when = log.time[log.outcome == outcome]
        lower.eventplot(when, lineoffsets=place, linelengths=0.7, colors=color)
    lower.set(yticks=[0, 1, 2], yticklabels=["refused: limit", "refused: lock-out", "given"])
    lower.set_xlabel("Time [h]; begins at 14:00")
    return figure


def adherence() -> plt.Figure:
    """Tablets as ordered, and as two of 100 patients take them."""
    model = Drug.read("morphine").model()
    order = "30 mg oral modified q12h x 28"
    patients = Adherence(
        taken=0.9, late=0.5, delay="1 h", delay_cv=1.0, holiday_start=0.02, holiday_stop=0.3
    )
    course = patients.run(order, 100, seed=1)
    hours = np.linspace(0, 336, 1345)
    taken = simulate(model, course.events, times=hours, amounts=False).concentration
    ordered = simulate(model, order, times=hours, amounts=False).concentration
    fraction = course.subjects["fraction"].sort_values()

    figure, axes = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(7.2, 4))
    for axis, subject in zip(axes, (fraction.index[50], fraction.index[5]), strict=True):
        axis.plot(hours / 24, NG_PER_ML * ordered.sel(site="plasma"), color=GREY, lw=0.8)
        line = NG_PER_ML * taken.sel(site="plasma", subject=subject)
        axis.plot(hours / 24, line, color=BLUE)
        axis.set_title(f"Subject {subject}: {100 * fraction[subject]:.0f} % taken", loc="left")
        axis.set_ylabel("Plasma [ng/mL]")
    axes[1].set_xlabel("Time [days]; grey: taken as ordered")
    return figure


def release_model(name: str, *inputs: Input) -> Model:
    """Gut and blood, with these ways from the tablet."""
    return Model(
        name,
        compartments=["gut", Compartment("blood", "volume")],
        flows=[
            Flow("gut", "blood", "rate", "absorption_rate"),
            Flow("blood", None, "clearance", "clearance"),
        ],
        parameters=[
            Parameter("absorption_rate", "1 /h"),
            Parameter("clearance", "10 L/h"),
            Parameter("volume", "50 L"),
        ],
        inputs=inputs,
    )


def release() -> plt.Figure:
    """One dose in four forms of release."""
    models = [
        release_model("immediate", Input("oral", "gut")),
        release_model("constant rate over 8 h", Input("oral", "gut", duration=8.0)),
        release_model(
            "constant rate over 4 h, then first order",
            Input("oral", "blood", bioavailability=0.4, duration=4.0),
            Input("oral", "gut", bioavailability=0.6, lag=4.0),
        ),
        release_model(
            "first order beside a constant rate over 10 h",
            Input("oral", "gut", bioavailability=0.3),
            Input("oral", "blood", bioavailability=0.7, duration=10.0),
        ),
    ]
    figure, axis = plt.subplots(figsize=(7.2, 3))
    for model, style in zip(models, ("-", "--", "-.", ":"), strict=True):
        ds = simulate(model, "100 mg oral", times=np.linspace(0, 24, 241))
        axis.plot(ds.time, ds.concentration.sel(site="blood"), style, label=model.name)
    axis.set(xlabel="Time [h]", ylabel="Blood [mg/L]")
    axis.legend(frameon=False)
    return figure


def wound() -> plt.Figure:
    """An elastomeric pump at its nominal flow, and one whose flow falls."""
    model = with_depot(library.two_compartment(), "0.1 /h")
    hours = np.linspace(0, 96, 481)
    figure, (flow, blood) = plt.subplots(1, 2, figsize=(7.2, 2.8))
    for profile, color, label in (
        (None, GREY, "nominal"),
        ((1.4, 0.6), BLUE, "from 140 to 60 %"),
        ({0: 1.5, 6: 1.0, 24: 0.75}, RED, "in three steps"),
    ):
        pump = ElastomericPump("270 mL", "5 mL/h", "2 mg/mL", profile=profile)
        regimen = pump.regimen()
        rates = [1000 * o.amount / o.duration / pump.concentration for o in regimen]
        flow.stairs(rates, pump.schedule()[0], color=color, label=label)
        ds = simulate(model, regimen, times=hours)
        blood.plot(hours, ds.concentration.sel(site="central"), color=color)
    flow.set(xlabel="Time [h]", ylabel="Flow [mL/h]", ylim=(0, 8))
    flow.legend(frameon=False)
    blood.set(xlabel="Time [h]", ylabel="Blood [mg/L]")
    return figure


def epidural() -> plt.Figure:
    """Morphine into the epidural space: a bolus, and an infusion after it."""
    hours = np.linspace(0, 24, 481)
    orders = {
        "3 mg epidural bolus": BLUE,
        "3 mg epidural bolus + 0.2 mg/h epidural infusion for 24 h": RED,
    }
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.8))
    for order, color in orders.items():
        ds = simulate("morphine", order, times=hours)
        axes[0].plot(hours, ds.amount.sel(compartment="epidural"), color=color)
        for axis, site in zip(axes[1:], ("plasma", "lumbar_csf"), strict=True):
            axis.plot(hours, NG_PER_ML * ds.concentration.sel(site=site), color=color)
    names = ("Epidural [mg]", "Plasma [ng/mL]", "Lumbar CSF [ng/mL]")
    for axis, name in zip(axes, names, strict=True):
        axis.set(xlabel="Time [h]", ylabel=name, ylim=(0, None))
    figure.legend(orders, loc="outside upper center", frameon=False, fontsize=8)
    return figure


def trial() -> plt.Figure:
    """Baclofen screening: three patients who respond to the first, second and third bolus."""
    told = {"50 ug": [True], "75 ug": [False, True], "100 ug": [False, False, True]}
    course = screen(BACLOFEN_SCREENING, told)
    ds = simulate("baclofen", course.events, times=np.linspace(0, 72, 721))
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(7.2, 2.5))
    for axis, dose in zip(axes, told, strict=True):
        csf = ds.concentration.sel(site="lumbar_csf", subject=dose)
        axis.plot(ds.time, csf, color=BLUE)
        axis.set_title(f"Responds to {dose}", loc="left")
        axis.set_xlabel("Time [h]")
    axes[0].set_ylabel("Lumbar CSF baclofen [µg/mL]")
    return figure


def conversion() -> plt.Figure:
    """Morphine from oral to pump in three weeks, after a week by mouth alone."""
    switch = to_pump("60 mg oral q12h", 300, remaining=[1, 0.5, 0.25, 0], every="7 d")
    ds = simulate("morphine", switch.regimen, times=np.linspace(0, 672, 1345))
    figure, (doses, plasma, csf) = plt.subplots(3, 1, sharex=True, figsize=(7.2, 5))
    edges = [7.0 * k for k in range(5)]
    doses.stairs(
        [step.old for step in switch.steps], edges, baseline=None, color=RED, label="oral [mg/day]"
    )
    pump = [300 * step.new for step in switch.steps]
    doses.stairs(pump, edges, baseline=None, color=BLUE, label="intrathecal [mg/day], × 300")
    doses.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    for axis, site, name in ((plasma, "plasma", "Plasma"), (csf, "lumbar_csf", "Lumbar CSF")):
        axis.semilogy(ds.time / 24, NG_PER_ML * ds.concentration.sel(site=site), color="k", lw=0.8)
        axis.set(ylabel=f"{name} [ng/mL]", ylim=(0.1 if site == "plasma" else 1, None))
    csf.set_xlabel("Time [days]")
    return figure


def main(folder: Path) -> None:
    style = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    plt.rcParams.update(style | {"figure.constrained_layout.use": True})
    for draw in (pca, adherence, release, wound, epidural, trial, conversion):
        draw().savefig(folder / f"device_{draw.__name__}.png", dpi=150)
        plt.close("all")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
