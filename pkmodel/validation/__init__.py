"""Published clinical observations beside what the models predict of them.

The cases are data, in ``cases.toml``: dose, place of catheter and samples, observed values with their spread, source
and confidence. A prediction that fails is a finding and no error.
"""

from pkmodel.validation.reader import PACKAGED, load
from pkmodel.validation.report import Validation, validate
from pkmodel.validation.running import as_published

__all__ = ["PACKAGED", "Validation", "as_published", "load", "validate"]
