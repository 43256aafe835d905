"""Exact least squares of the NIST reference datasets for linear regression; writes the stored values.

Run by hand from this folder: python nist_linear.py. Nothing is rounded before the end: decimals of the data
are read as fractions, the normal equations are solved in fractions, and only roots and the stored values are
rounded, to seventeen digits. Data: https://www.itl.nist.gov/div898/strd/lls; those of Longley as statsmodels
ships them; Wampler's by their formula. NIST certifies Filip's coefficients as -1467.48961422980 …
-0.402962525080404E-04, which the exact ones have to repeat.
"""

import json
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

from statsmodels.datasets import longley

HERE = Path(__file__).parent
getcontext().prec = 60

FILIP_X = """
-6.860120914 -4.324130045 -4.358625055 -4.358426747 -6.955852379 -6.661145254 -6.355462942
-6.118102026 -7.115148017 -6.815308569 -6.519993057 -6.204119983 -5.853871964 -6.109523091
-5.79832982 -5.482672118 -5.171791386 -4.851705903 -4.517126416 -4.143573228 -3.709075441
-3.499489089 -6.300769497 -5.953504836 -5.642065153 -5.031376979 -4.680685696 -4.329846955
-3.928486195 -8.56735134 -8.363211311 -8.107682739 -7.823908741 -7.522878745 -7.218819279
-6.920818754 -6.628932138 -6.323946875 -5.991399828 -8.781464495 -8.663140179 -8.473531488
-8.247337057 -7.971428747 -7.676129393 -7.352812702 -7.072065318 -6.774174009 -6.478861916
-6.159517513 -6.835647144 -6.53165267 -6.224098421 -5.910094889 -5.598599459 -5.290645224
-4.974284616 -4.64454848 -4.290560426 -3.885055584 -3.408378962 -3.13200249 -8.726767166 -8.66695597
-8.511026475 -8.165388579 -7.886056648 -7.588043762 -7.283412422 -6.995678626 -6.691862621
-6.392544977 -6.067374056 -6.684029655 -6.378719832 -6.065855188 -5.752272167 -5.132414673
-4.811352704 -4.098269308 -3.66174277 -3.2644011
"""
FILIP_Y = """
0.8116 0.9072 0.9052 0.9039 0.8053 0.8377 0.8667 0.8809 0.7975 0.8162 0.8515 0.8766 0.8885 0.8859
0.8959 0.8913 0.8959 0.8971 0.9021 0.909 0.9139 0.9199 0.8692 0.8872 0.89 0.891 0.8977 0.9035 0.9078
0.7675 0.7705 0.7713 0.7736 0.7775 0.7841 0.7971 0.8329 0.8641 0.8804 0.7668 0.7633 0.7678 0.7697
0.77 0.7749 0.7796 0.7897 0.8131 0.8498 0.8741 0.8061 0.846 0.8751 0.8856 0.8919 0.8934 0.894 0.8957
0.9047 0.9129 0.9209 0.9219 0.7739 0.7681 0.7665 0.7703 0.7702 0.7761 0.7809 0.7961 0.8253 0.8602
0.8809 0.8301 0.8664 0.8834 0.8898 0.8964 0.8963 0.9074 0.9119 0.9228
"""
# what Wampler added to the sums of powers up to the fifth, Wampler3 once and Wampler4 a hundredfold
DELTA = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048]
DELTA += [-2048, 1838, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 759]


def rows_of(values):
    return [[Fraction(value) for value in row] for row in values]


def inverse_of(matrix):
    """Return the inverse by Gauss–Jordan in fractions."""
    k = len(matrix)
    work = [[*row, *(Fraction(i == j) for j in range(k))] for i, row in enumerate(matrix)]
    for i in range(k):
        pivot = next(r for r in range(i, k) if work[r][i])
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [value / work[i][i] for value in work[i]]
        for r in range(k):
            if r != i and work[r][i]:
                factor = work[r][i]
                work[r] = [a - factor * b for a, b in zip(work[r], work[i], strict=True)]
    return [row[k:] for row in work]


def exact(y, x):
    """Return coefficients, classical errors and errors clustered by single rows (HC0), as floats."""
    n, k = len(x), len(x[0])
    inverse = inverse_of([[sum(row[i] * row[j] for row in x) for j in range(k)] for i in range(k)])
    cross = [sum(row[i] * value for row, value in zip(x, y, strict=True)) for i in range(k)]
    coefficient = [sum(a * b for a, b in zip(row, cross, strict=True)) for row in inverse]
    left = [
        value - sum(a * b for a, b in zip(row, coefficient, strict=True))
        for row, value in zip(x, y, strict=True)
    ]
    variance = sum(e * e for e in left) / (n - k)
    meat = [
        [sum(e * e * row[i] * row[j] for row, e in zip(x, left, strict=True)) for j in range(k)]
        for i in range(k)
    ]
    sandwich = [
        sum(inverse[i][a] * meat[a][b] * inverse[b][i] for a in range(k) for b in range(k)) for i in range(k)
    ]
    return {
        "coefficient": [float(value) for value in coefficient],
        "std_error": [root(variance * inverse[i][i]) for i in range(k)],
        "std_error_rows": [root(value * Fraction(n, n - k)) for value in sandwich],
    }


def root(value):
    return float((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


def powers(x, degree):
    return [[value**power for power in range(degree + 1)] for value in x]


def main():
    found = {}
    data = longley.load_pandas().data
    y = [Fraction(int(value)) for value in data.iloc[:, 0]]
    x = [[Fraction(str(value)) for value in row] for row in data.iloc[:, 1:].to_numpy()]
    given = {"y": [float(v) for v in y], "x": [[float(v) for v in row] for row in x], "power": 1}
    found["Longley"] = {**given, **exact(y, [[Fraction(1), *row] for row in x])}
    x = [Fraction(value) for value in FILIP_X.split()]
    y = [Fraction(value) for value in FILIP_Y.split()]
    certified = exact(y, powers(x, 10))
    assert format(certified["coefficient"][0], ".11f") == "-1467.48961422980"
    assert format(certified["coefficient"][10], ".14e") == "-4.02962525080404e-05"
    found["Filip"] = {"y": [float(v) for v in y], "x": [float(v) for v in x], "power": 10, **certified}
    x = [Fraction(i) for i in range(21)]
    for name, times in {"Wampler1": 0, "Wampler3": 1, "Wampler4": 100}.items():
        y = [sum(row) + times * add for row, add in zip(powers(x, 5), DELTA, strict=True)]
        given = {"y": [float(v) for v in y], "x": [float(v) for v in x], "power": 5}
        found[name] = {**given, **exact(y, powers(x, 5))}
    text = json.dumps(found, indent=1)
    (HERE / "nist_linear.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
