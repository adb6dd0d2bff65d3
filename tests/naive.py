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


def event_amounts(rate_matrix, records, bioavailability, lag, duration, rate):
    """Amounts (record, compartment) under an event table, by superposition; nothing is stepped.

    A record is a dict with TIME, EVID, AMT, CMT (from 1), RATE, II, ADDL, SS. The other arguments hold one
    value per compartment. Doses that have gone on for ever are a geometric series of responses.
    """
    n = len(rate_matrix)
    kept = {}

    def unit(span):
        if span not in kept:
            kept[span] = exponential(with_inflows(rate_matrix), span)
        return kept[span]

    def response(train, age):
        """Amounts that one dose leaves at an age."""
        c = train["compartment"]
        if train["length"] == 0:
            return train["value"] * unit(age)[:n, c]
        total = train["value"] * unit(age)[:n, n + c]
        if age > train["length"]:
            total -= train["value"] * unit(age - train["length"])[:n, n + c]
        return total

    def for_ever(train, age):
        """Sum of the responses at age, age + II, age + 2 II, ..."""
        total = mpmath.zeros(n, 1)
        while age < train["length"]:
            total += response(train, age)
            age += train["interval"]
        forward = unit(train["interval"])[:n, :n]
        return total + mpmath.lu_solve(mpmath.eye(n) - forward, response(train, age))

    def total_of(train, now, position):
        """Amounts that a train has left when a record is read."""
        if train["constant"]:
            inflow = mpmath.matrix(n, 1)
            inflow[train["compartment"]] = train["value"]
            resting = mpmath.lu_solve(-mpmath.matrix(np.asarray(rate_matrix).tolist()), inflow)
            return unit(now - train["start"])[:n, :n] * resting
        total = mpmath.zeros(n, 1)
        first = train["start"] + train["lag"]
        k = train["last"]
        while train["steady"] or k >= 0:
            age = now - first - k * train["interval"]
            own = k == 0 and train["lag"] == 0
            if age > -1e-9 and not (own and train["position"] > position):
                age = max(age, mpmath.mpf(0))
                if train["steady"] and k <= 0:
                    return total + for_ever(train, age)
                total += response(train, age)
            k -= 1
        return total

    def train_of(record, position):
        c = record["CMT"] - 1
        number = {name: mpmath.mpf(float(record[name])) for name in ("AMT", "RATE", "II", "TIME")}
        f = mpmath.mpf(float(bioavailability[c]))
        train = {
            "compartment": c, "position": position, "start": number["TIME"], "interval": number["II"],
            "last": record["ADDL"], "steady": record["SS"] > 0, "lag": mpmath.mpf(float(lag[c])),
            "value": f * number["AMT"], "length": mpmath.mpf(0),
            "constant": record["SS"] > 0 and record["II"] == 0,
        }  # fmt: skip
        if train["constant"]:
            train["value"] = number["RATE"]
        elif record["RATE"] == -2:
            train["length"] = mpmath.mpf(float(duration[c]))
            train["value"] = f * number["AMT"] / train["length"]
        elif record["RATE"] != 0:
            train["value"] = number["RATE"] if record["RATE"] > 0 else mpmath.mpf(float(rate[c]))
            train["length"] = f * number["AMT"] / train["value"]
        return train

    trains, result = [], []
    with mpmath.workdps(DIGITS):
        for position, record in enumerate(records):
            if record["EVID"] in (3, 4) or record["SS"] == 1:
                trains = []
            if record["EVID"] in (1, 4):
                trains.append(train_of(record, position))
            now = mpmath.mpf(float(record["TIME"]))
            total = mpmath.zeros(n, 1)
            for train in trains:
                total += total_of(train, now, position)
            result.append([float(v) for v in total])
    return np.array(result)
