"""What a tape asks for: steps that share an exponential, and even outputs in runs."""

import math

import numpy as np

from pkmodel.kernels.common import (
    CLOSES,
    COUNT,
    DOUBLINGS,
    KEY,
    LEAD,
    OPENS,
    ORIGIN,
    PLACE,
    RUN,
    SEGMENT_OF,
    SHEET,
    SQUARED,
    TABLE,
    TABLES,
)
from pkmodel.kernels.machine import kernel
from pkmodel.kernels.tapes import ADD, BAD_TAPE, CLOCK, OK, OUTPUT, RESET, SEGMENT, STEADY

_DOUBLINGS = 4


@kernel("q1 d1 q1 q1 d1 q(5) q1 q1 d2 B1 d2 q3 q1 q2 q2")
def plan(
    tape_start, tape_time, tape_op, tape_index, tape_value, limits, begin, end, clock, fault,
    lengths, steps, used, tables, marks,
):  # fmt: skip
    """Give every item the key of the step before it, and gather even outputs into runs.

    A key is a pair of segment and step length; its origin is one that it is so many doublings of, or itself, and
    an origin is squared so many times for others. A program stops before the item for which there is no key
    left, and after STEADY.

    In a run the state stays where it was at the first output. Runs have places in the order of their columns, and
    four that use one table a sheet, of which the last may be empty: LEAD is the first column of a place, or
    the number of columns, and SHEET the table. Together the runs fill stretches of columns from OPENS to CLOSES.
    Of a program, `tables` has the keys of its tables, their number, and that of its places and stretches.
    """
    states, columns, matrices, longest, keys = limits
    for p in range(tape_start.size - 1):
        at = begin[p]
        stop = tape_start[p + 1]
        segment = np.int64(clock[p, 3])
        count = 0
        known = 0
        places = 0
        filled = 0
        latest = 0
        base = tape_start[p]
        while at < stop and fault[p] == OK:
            time, op, index, near = tape_time[at], tape_op[at], tape_index[at], clock[p, 2]
            limit = columns if op == OUTPUT else matrices if op == SEGMENT else states
            step = time - clock[p, 0] + clock[p, 1]
            marks[KEY, at] = -1
            sound = step >= -near and math.isfinite(step) and ADD <= op <= STEADY
            if op >= CLOCK:
                sound &= math.isfinite(tape_value[at]) and (op != STEADY or tape_value[at] > 0.0)
            if not sound or index < 0 or index >= limit:
                fault[p] = BAD_TAPE
                break
            many, gap, even = longest, 0.0, False
            while op == OUTPUT and many > 1 and not even:
                last = at + many - 1
                even = last < stop and index + many <= columns
                even &= filled == 0 or index >= marks[CLOSES, base + filled - 1]
                if even:
                    gap = (tape_time[last] - time) / (many - 1)
                    even = gap > near
                    for m in range(at + 1, last + 1):
                        even &= tape_op[m] == OUTPUT and tape_index[m] == index + m - at
                        even &= abs(tape_time[m] - time - (m - at) * gap) <= near
                if not even:
                    many = RUN // 2 if many == RUN else 1
            if not even:
                many, gap = 1, 0.0
            if op == RESET:  # what it clears need not be known
                step = 0.0
            # what a step, a run or a steady state need: at most two keys
            full = False
            for want in range(2):
                h = step
                if want == 1:
                    h = tape_value[at] if op == STEADY else gap
                if h <= near:
                    continue
                k, origin, doubled = 0, count, 0
                while k < count and (
                    steps[SEGMENT_OF, p, k] != segment or abs(lengths[p, k] - h) > near
                ):
                    if steps[SEGMENT_OF, p, k] == segment and steps[ORIGIN, p, k] == k:
                        length = lengths[p, k]
                        for m in range(1, _DOUBLINGS + 1):
                            length *= 2.0
                            if abs(length - h) <= near:
                                origin, doubled, h = k, m, length
                    k += 1
                if k == keys:
                    full = True
                    break
                if k == count:
                    lengths[p, k], steps[SEGMENT_OF, p, k] = h, segment
                    steps[ORIGIN, p, k], steps[DOUBLINGS, p, k] = origin, doubled
                    steps[SQUARED, p, k] = 0 if origin == k else -1
                    steps[SQUARED, p, origin] = max(steps[SQUARED, p, origin], doubled)
                    count += 1
                if want == 0:
                    marks[KEY, at] = k
                    step -= lengths[p, k]
                elif op == STEADY:
                    marks[TABLE, at] = k
                else:
                    t = 0
                    while t < known and tables[p, t] != k:
                        t += 1
                    if t == TABLES:
                        many = 1
                    else:
                        tables[p, t] = k
                        known = max(known, t + 1)
                        marks[TABLE, at] = t
            if full:
                break
            clock[p, 0] = tape_value[at] if op == CLOCK else time
            clock[p, 1] = 0.0 if op == CLOCK else step
            marks[COUNT, at] = many
            if many > 1:
                while places % 4 > 0 and marks[TABLE, at] != latest:
                    marks[LEAD, base + places] = columns
                    places += 1
                latest = marks[TABLE, at]
                marks[SHEET, base + places // 4] = latest
                marks[PLACE, at] = places
                marks[LEAD, base + places] = index
                places += 1
                if filled == 0 or marks[CLOSES, base + filled - 1] != index:
                    marks[OPENS, base + filled] = index
                    filled += 1
                marks[CLOSES, base + filled - 1] = index + many
            if op == SEGMENT:
                segment = index
            at += many
            if op == STEADY:
                break
        end[p] = at
        clock[p, 3] = segment
        used[p] = count
        while places % 4 > 0:
            marks[LEAD, base + places] = columns
            places += 1
        tables[p, TABLES] = known
        tables[p, TABLES + 1] = places
        tables[p, TABLES + 2] = filled
