"""Cases come into the lanes of `adaptive`, follow their tapes there from step to step, and leave."""

import math

import numpy as np

from pkmodel.kernels.common import EPS, ONE, ZERO, L, U
from pkmodel.kernels.lanes import apart
from pkmodel.kernels.machine import inner
from pkmodel.kernels.stages import (
    ACCEPTED,
    AT,
    CASE,
    EXPLICIT,
    FAILED,
    FIRST,
    FRESH,
    GOOD,
    IMPLICIT,
    IMPLICITLY,
    LAST,
    NEXT,
    PATIENT,
    RATIO,
    REJECTED,
    SLOTS,
    STAGES_R,
    STARTS,
    STOP,
    TABS,
    WORST,
    H,
    T,
)
from pkmodel.kernels.tapes import (
    NONFINITE_RESULT,
    OK,
    OUTPUT,
    SEGMENT,
    SET,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
)

PATIENCE = 10.0
"""Steps limited by stability until the implicit method is tried."""

_TRIES = 12  # steps that end in a number that is none
NARROW = 16.0 * EPS
"""The shortest step, in times."""


@inner
def leave(z, lanes, place, layout, counts):
    """Write what the case in a lane has cost, and free the lane."""
    apart()
    case = place[CASE + z]
    accepted, rejected = lanes[ACCEPTED + z], lanes[REJECTED + z]
    implicitly = lanes[IMPLICITLY + z]
    counts[case, 0], counts[case, 1] = np.int64(accepted), np.int64(rejected)
    explicitly = (accepted + rejected - implicitly) * np.float64(layout[12])
    counts[case, 2] = np.int64(explicitly + implicitly * np.float64(STAGES_R) + lanes[STARTS + z])
    counts[case, 3] = np.int64(implicitly)
    place[CASE + z] = -1
    lanes[STOP + z] = lanes[T + z]
    lanes[EXPLICIT + z], lanes[IMPLICIT + z], lanes[FRESH + z] = 0.0, 0.0, 0.0


@inner
def settle(values, case, segment, cells, to):
    """Copy a row of numbers, those of a case and a segment, into a lane."""
    c, s = min(case, values.shape[0] - 1), min(segment, values.shape[1] - 1)
    for j in range(U(values.shape[2])):
        cells[to + j * L] = values[c, s, j]


@inner
def arrive(
    bits, parameters, constants, initial, tape_start, tape_time, tape_op, tape_index, tape_value, tape_scale, stops,
    scales, program, rows, queue, cells, lanes, place, layout, out, status, counts,
):  # fmt: skip
    """Follow the tapes of the lanes in `bits` up to the next time that needs a step; refill lanes that end."""
    apart()
    n, y0, inflow = layout[0], layout[2], layout[3]
    count, columns, further = U(rows.size), layout[9], layout[10]
    for z in range(U(place.size) // TABS):
        if not (bits >> z) & ONE:
            continue
        while True:
            case = place[CASE + z]
            if case < 0:
                lanes[EXPLICIT + z], lanes[IMPLICIT + z], lanes[FRESH + z] = 0.0, 0.0, 0.0
                while queue[0] < status.size and status[queue[0]] != OK:
                    queue[0] += 1
                if queue[0] == status.size:
                    break
                case = queue[0]
                queue[0] += 1
                p = program[case]
                place[CASE + z] = case
                place[AT + z], place[LAST + z] = tape_start[p], tape_start[p + 1]
                for k in range(ZERO, SLOTS, L):
                    lanes[k + z] = 0.0
                if tape_start[p] < tape_start[p + 1]:
                    lanes[T + z] = tape_time[tape_start[p]]
                lanes[EXPLICIT + z], lanes[FRESH + z] = 1.0, 1.0
                lanes[FIRST + z], lanes[RATIO + z] = 1.0, 1.0
                lanes[PATIENT + z] = PATIENCE
                c = min(case, initial.shape[0] - 1)
                for j in range(n):
                    cells[y0 + j * L + z] = initial[c, j]
                    cells[inflow + j * L + z] = 0.0
                settle(parameters, case, 0, cells, (n + ONE) * L + z)
                settle(constants, case, 0, cells, further + z)
            at, last, t = place[AT + z], place[LAST + z], lanes[T + z]
            sound = True
            while at < last and tape_time[at] <= t:
                op, index = tape_op[at], U(tape_index[at])
                if op == OUTPUT:
                    o = U(case) * count * columns + index
                    for r in range(count):
                        value = cells[y0 + U(rows[r]) * L + z]
                        out[o] = value
                        sound &= math.isfinite(value)
                        o += columns
                elif op <= SET:
                    k = tape_scale[at]
                    value = tape_value[at]
                    if k >= 0:
                        value *= scales[case, k]
                    here = y0 + index * L + z
                    if index >= n:
                        here = inflow + (index - n) * L + z
                    cells[here] = value if op == SET else cells[here] + value
                elif op == SEGMENT:
                    settle(parameters, case, tape_index[at], cells, (n + ONE) * L + z)
                    settle(constants, case, tape_index[at], cells, further + z)
                else:
                    c = min(case, initial.shape[0] - 1)
                    for j in range(n):
                        cells[y0 + j * L + z] = initial[c, j]
                        cells[inflow + j * L + z] = 0.0
                if op != OUTPUT:
                    lanes[FRESH + z], lanes[FIRST + z] = 1.0, 1.0
                at += 1
            place[AT + z] = at
            if at < last and sound:
                lanes[STOP + z] = stops[at]
                lanes[NEXT + z] = tape_time[at] if tape_op[at] == OUTPUT else math.inf
                break
            if not sound:
                status[case] = NONFINITE_RESULT
            leave(z, lanes, place, layout, counts)


@inner
def give_up(bits, max_steps, lanes, place, layout, status, counts):
    """End the cases in the lanes of `bits` that fail, after a rejected step or too many."""
    apart()
    for z in range(U(place.size) // TABS):
        if not (bits >> z) & ONE or place[CASE + z] < 0:
            continue
        fault = OK
        if lanes[GOOD + z] == 0.0:
            narrow = lanes[H + z] < NARROW * abs(lanes[T + z])
            if math.isfinite(lanes[WORST + z]):
                lanes[FAILED + z] = 0.0
                if narrow:
                    fault = STEP_TOO_SMALL
            else:
                lanes[FAILED + z] += 1.0
                if narrow or lanes[FAILED + z] > _TRIES:
                    fault = NONFINITE_RESULT
        if fault == OK and lanes[ACCEPTED + z] + lanes[REJECTED + z] > max_steps:
            fault = TOO_MANY_STEPS
        if fault != OK:
            status[place[CASE + z]] = fault
            leave(z, lanes, place, layout, counts)
