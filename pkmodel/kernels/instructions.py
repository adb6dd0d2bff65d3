"""Programs that the adaptive kernel interprets: what a right-hand side is made of.

A program works on registers, each a number per case. The first hold the states, then come the time, the
parameters and constants, and behind them whatever the program writes. An instruction is a row
``(operation, target, left, right)`` of register numbers; operations of one operand ignore `right`.
"""

SUM, DIFFERENCE, PRODUCT, QUOTIENT, POWER, MINIMUM, MAXIMUM, GREATER, EXP, LOG, ROOT = range(11)
"""``+ - * / **``, the smaller, the larger, 1 if left > right and else 0, and three functions of one operand."""

TERM, KEEP, RATE = range(11, 14)
"""Of power series, beside PRODUCT and QUOTIENT: add ``constant * left`` to a sum; the sum and a constant become the
target; they become a rate of change. A quotient adds its constant to the divisor."""
