"""What tapes consist of: kinds of states, operations of items, and what became of a case."""

GENERAL, MASS, RATE, INTEGRAL = range(4)
ADD, SET, OUTPUT, SEGMENT, RESET, CLOCK, ASIDE, JOIN, STEADY = range(9)
OK, NONFINITE_INPUT, NONFINITE_RESULT, NO_STEADY_STATE, BAD_TAPE, TOO_MANY_STEPS, STEP_TOO_SMALL = (
    range(7)
)
