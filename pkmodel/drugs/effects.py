"""Names of the numbers behind responses: their dimension, their meaning, and what a response cannot do without."""

from __future__ import annotations

__all__ = ["EFFECTS", "FOLLOWING", "MAIN", "PLACES", "REQUIRED", "RESPONSES"]

PLACES: dict[str, str] = {
    "cord": "lumbosacral cord",
    "brain": "plasma at rest with the brain",
    "brainstem": "cisternal CSF at rest with the brainstem",
    "plasma": "plasma",
    "m6g": "plasma, of M6G, at rest with its place of action",
}
"""Places of action, and of what the concentration counts there."""

FOLLOWING = ("brainstem", "m6g")
"""Places that the model has not: they follow cisternal CSF, and M6G in plasma, with a half-life of their own."""

EFFECTS = (
    "analgesia",
    "respiration",
    "sedation",
    "constipation",
    "itching",
    "nausea",
    "spasticity",
)
"""Responses that follow from concentrations alone."""

MAIN = ("analgesia", "spasticity")
"""What drugs are given for: doses are equal by it, and it is missed in withdrawal."""

Numbers = dict[str, tuple[str, str]]


def _effect() -> Numbers:
    potencies = {
        f"{place}_ec50": ("concentration", f"concentration in {where} of half of the effect")
        for place, where in PLACES.items()
    }
    delays = {
        f"{place}_half_life": ("time", f"half-life of coming to rest: {PLACES[place]}")
        for place in FOLLOWING
    }
    shape = {
        "hill": ("ratio", "steepness; without one the effect is proportional up to its maximum"),
        "maximum": ("fraction", "highest effect"),
    }
    return {**potencies, **delays, **shape}


RESPONSES: dict[str, Numbers] = {
    **{name: _effect() for name in EFFECTS},
    "pain": {
        "baseline": ("ratio", "score without treatment, 0 to 10"),
        "placebo": ("fraction", "part of the score that a placebo takes away"),
    },
    "tolerance": {
        "cord_concentration": ("concentration", "that in the cord which doubles its EC50 in time"),
        "half_life": ("time", "half-life with which tolerance comes and goes"),
    },
    "withdrawal": {
        "onset_half_life": ("time", "half-life with which the loss of an effect is felt"),
        "adaptation_half_life": ("time", "half-life with which the body gets used to an effect"),
    },
}
"""Numbers of every response: dimension and meaning. In a model they carry the response's name before their own."""

RESPONSES["analgesia"]["synergy"] = ("ratio", "of cord and brain; 0 where their effects add")
RESPONSES["spasticity"] |= {
    "baseline": ("ratio", "Ashworth score without treatment"),
    "least": ("ratio", "Ashworth score at the full effect"),
}

REQUIRED: dict[str, tuple[str, ...]] = {
    "analgesia": ("cord_ec50",),
    "respiration": ("brain_ec50", "brainstem_ec50"),
    "spasticity": ("cord_ec50", "baseline", "least"),
    **{name: tuple(numbers) for name, numbers in RESPONSES.items() if name not in EFFECTS},
}
"""Numbers without which there is no response; of the others at least one EC50."""
