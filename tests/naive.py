"""Slow and obviously right: linear compartment models in many digits.

Nothing here is clever or shared with the package. Every function takes plain lists or arrays and
gives an array of floats, correct to the last digit or so.
"""

import mpmath
import numpy as np

DIGITS = 50


def exponential(rate_matrix, time):
    """exp(time * rate_matrix) as an mpmath matrix."""
    with mpmath.workdps(DIGITS):
        a = mpmath.matrix([[mpmath.mpf(float(v)) for v in row] for row in rate_matrix])
        norm = mpmath.mpf(time) * max(sum(abs(v) for v in a[i, :]) for i in range(a.rows))
        # squaring doubles the relative error in a fast mode
        mpmath.mp.dps = DIGITS + (int(mpmath.log10(norm)) if norm > 1 else 0) + 10
        return mpmath.expm(a * mpmath.mpf(time), method="taylor")


def with_inflows(rate_matrix):
    """The rate matrix followed by one inflow state [mg/h] per compartment."""
    a = np.asarray(rate_matrix, float)
    n = len(a)
    return np.block([[a, np.eye(n)], [np.zeros((n, 2 * n))]])


def with_integrals(rate_matrix):
    """The rate matrix followed by the time integral [mg h] of every state."""
    a = np.asarray(rate_matrix, float)
    n = len(a)
    return np.block([[a, np.zeros((n, n))], [np.eye(n), np.zeros((n, n))]])


def amounts(rate_matrix, events, times):
    """Amounts (time, compartment) by superposition of the response to each event alone.

    An event is (time, compartment, amount, duration), with duration 0 for a bolus, which counts at
    its own time. No response is stepped: each is one exponential from its event to the read-out.
    """
    n = len(rate_matrix)
    kept = {}

    def unit(span):
        if span not in kept:
            kept[span] = exponential(with_inflows(rate_matrix), span)
        return kept[span]

    result = np.zeros((len(times), n))
    for k, time in enumerate(times):
        with mpmath.workdps(DIGITS):
            total = [mpmath.mpf(0)] * n
            for begin, source, amount, duration in events:
                span = mpmath.mpf(float(time)) - mpmath.mpf(float(begin))
                if span < 0:
                    continue
                amount, duration = mpmath.mpf(float(amount)), mpmath.mpf(float(duration))
                if duration == 0:
                    response = [amount * unit(span)[i, source] for i in range(n)]
                else:
                    rate = amount / duration
                    response = [rate * unit(span)[i, n + source] for i in range(n)]
                    if span > duration:
                        late = unit(span - duration)
                        response = [response[i] - rate * late[i, n + source] for i in range(n)]
                total = [a + b for a, b in zip(total, response, strict=True)]
            result[k] = [float(v) for v in total]
    return result


def steady_state(rate_matrix, amounts_at_dose, interval):
    """Amounts just after a dose that has been given every ``interval`` hours for ever."""
    with mpmath.workdps(DIGITS):
        n = len(rate_matrix)
        system = mpmath.eye(n) - exponential(rate_matrix, interval)
        right = mpmath.matrix([mpmath.mpf(float(v)) for v in amounts_at_dose])
        return np.array([float(v) for v in mpmath.lu_solve(system, right)])


def follow(matrices, items):
    """States (output, state) along a tape, for one case, item by item.

    ``matrices`` holds one matrix per segment. An item is (time, name, index, value), with the names
    "add", "set", "output", "segment", "reset", "clock", "aside", "join".
    """
    n = len(matrices[0])
    states = []
    with mpmath.workdps(DIGITS):
        x = mpmath.zeros(n, 1)
        now, segment = mpmath.mpf(float(items[0][0])), 0
        for time, name, index, value in items:
            span = mpmath.mpf(float(time)) - now
            if span > 0:
                x = exponential(matrices[segment], span) * x
            now += span
            if name == "clock":
                now = mpmath.mpf(float(value))
            elif name == "aside":
                aside, x = x, mpmath.zeros(n, 1)
            elif name == "join":
                x = x + aside
            elif name == "add":
                x[index] += mpmath.mpf(float(value))
            elif name == "set":
                x[index] = mpmath.mpf(float(value))
            elif name == "segment":
                segment = index
            elif name == "reset":
                x = mpmath.zeros(n, 1)
            else:
                states.append([float(v) for v in x])
    return np.array(states)
