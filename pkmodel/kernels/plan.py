"""What a tape asks for: steps that share an exponential, and even outputs in runs."""

import math

import numpy as np

from pkmodel.kernels.common import LEAST, TABLES
from pkmodel.kernels.machine import kernel
from pkmodel.kernels.tapes import ADD, BAD_TAPE, CLOCK, OK, OUTPUT, RESET, SEGMENT, STEADY


@kernel("q1 d1 q1 q1 d1 q(5) q1 q1 d2 B1 d2 q2 q1 q2 q1 q1 q1 q1 q1")
def plan(
    tape_start, tape_time, tape_op, tape_index, tape_value, limits, begin, end, clock, fault,
    lengths, segments, used, tables, key, run, table, listed, counted,
):  # fmt: skip
    """Give every item the key of the step before it, and gather even outputs into runs.

    A key is a pair of segment and step length. In a run the state stays where it was at the first
    output. A program stops before the item for which there is no key left, and after STEADY.
    """
    states, columns, matrices, longest, keys = limits
    for p in range(tape_start.size - 1):
        at = begin[p]
        stop = tape_start[p + 1]
        segment = np.int64(clock[p, 3])
        count = 0
        known = 0
        runs = 0
        gap = 0.0
        while at < stop and fault[p] == OK:
            time, op, index, near = tape_time[at], tape_op[at], tape_index[at], clock[p, 2]
            limit = columns if op == OUTPUT else matrices if op == SEGMENT else states
            step = time - clock[p, 0] + clock[p, 1]
            sound = step >= -near and math.isfinite(step) and ADD <= op <= STEADY
            if op >= CLOCK:
                sound &= math.isfinite(tape_value[at]) and (op != STEADY or tape_value[at] > 0.0)
            if not sound or index < 0 or index >= limit:
                fault[p] = BAD_TAPE
                break
            last = at + 1
            if op == OUTPUT:
                while (
                    last < stop and last < at + longest and tape_op[last] == OUTPUT
                    and tape_index[last] == index + last - at and tape_index[last] < columns
                ):  # fmt: skip
                    last += 1
                gap = (tape_time[last - 1] - time) / max(last - 1 - at, 1)
                even = last >= at + LEAST and gap > near
                for m in range(at + 1, last):
                    even &= abs(tape_time[m] - time - (m - at) * gap) <= near
                if not even:
                    last = at + 1
            if op == RESET:  # what it clears need not be known
                step = 0.0
            # what a step, a run or a steady state need: at most two keys
            full = False
            for want in range(2):
                h = step
                if want == 1:
                    h = tape_value[at] if op == STEADY else gap if last > at + 1 else 0.0
                if h <= near:
                    continue
                k = 0
                while k < count and (segments[p, k] != segment or abs(lengths[p, k] - h) > near):
                    k += 1
                if k == keys:
                    full = True
                    break
                if k == count:
                    lengths[p, k] = h
                    segments[p, k] = segment
                    count += 1
                if want == 0:
                    key[at] = k
                    step -= lengths[p, k]
                elif op == STEADY:
                    table[at] = k
                else:
                    t = 0
                    while t < known and tables[p, t] != k:
                        t += 1
                    if t == TABLES:
                        last = at + 1
                    else:
                        tables[p, t] = k
                        known = max(known, t + 1)
                        table[at] = t
            if full:
                break
            clock[p, 0] = tape_value[at] if op == CLOCK else time
            clock[p, 1] = 0.0 if op == CLOCK else step
            run[at] = last - at
            if last > at + 1:
                listed[tape_start[p] + runs] = at
                runs += 1
            if op == SEGMENT:
                segment = index
            at = last
            if op == STEADY:
                break
        end[p] = at
        clock[p, 3] = segment
        used[p] = count
        counted[p] = runs
        tables[p, TABLES] = known
