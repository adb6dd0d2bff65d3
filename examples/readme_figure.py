"""Draw the figures of the README and of docs/figures.md into the folder that is given, or here.

python examples/readme_figure.py docs/figures
"""

import sys
from pathlib import Path

import pkmodel

ORAL = "60 mg oral q12h x 28"
SUBJECTS, SEED = 200, 1


def main(folder: Path) -> None:
    ds = pkmodel.compare("morphine", oral=ORAL, ratio=300, subjects=SUBJECTS, seed=SEED)
    pkmodel.plot.comparison(ds).savefig(folder / "comparison.png", dpi=150)

    morphine = pkmodel.Drug.read("morphine")
    subjects = pkmodel.population.draw(morphine.model(), SUBJECTS, seed=SEED)
    ratios = pkmodel.equivalence.implied(morphine, "60 mg oral q12h", parameters=subjects)
    pkmodel.plot.ratio(ratios, 300).savefig(folder / "ratio.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
