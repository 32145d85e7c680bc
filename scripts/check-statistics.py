"""Compares the `statistics` example with scipy; called by scripts/check-statistics."""

import itertools
import json
import math
import subprocess
import sys
import warnings
from collections import Counter
from functools import cache

import numpy as np
from scipy import stats

PROGRAM, SEED = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(SEED)
warnings.simplefilter("ignore")

questions, expectations = [], []


def ask(expectation, procedure, a, b=None, **more):
    question = {"procedure": procedure, "a": [float(value) for value in a], **more}
    if b is not None:
        question["b"] = [float(value) for value in b]
    questions.append(question)
    expectations.append(expectation)


def p_values(of):
    """One-sided and two-sided p-values of a function of the alternative."""
    greater, less = of("greater"), of("less")
    return {"greater": greater, "less": less, "two_sided": min(1.0, 2 * min(greater, less))}


def permuted(data, statistic, kind):
    def of(alternative):
        found = stats.permutation_test(
            data, statistic, permutation_type=kind, n_resamples=np.inf, alternative=alternative, vectorized=True)
        return found.pvalue

    return p_values(of)


@cache
def subset_sums(first, second):
    """Counts of Mann and Whitney's U without ties, by enumeration."""
    size = min(first, second)
    offset = size * (size + 1) // 2
    return Counter(sum(chosen) - offset for chosen in itertools.combinations(range(1, first + second + 1), size))


def enclosed(values, counts):
    values, total = np.sort(values), sum(counts.values())
    below, best = 0, None
    for rank in range(1, len(values) + 1):
        below += counts[rank - 1]
        if 2 * below > 0.05 * total:
            break
        best = {"low": values[rank - 1], "high": values[-rank], "coverage": 1 - 2 * below / total}
    return {"point": np.median(values), "interval": best}


def rank_sum(x, y, axis):
    joined = stats.rankdata(np.concatenate([x, y], axis=axis), axis=axis)
    return np.sum(np.take(joined, np.arange(x.shape[axis]), axis=axis), axis=axis)


def two_samples(a, b):
    untied = len(set(a) | set(b)) == len(a) + len(b)
    if untied:
        expected = p_values(lambda alternative: stats.mannwhitneyu(b, a, alternative=alternative, method="exact").pvalue)
    else:
        expected = permuted((b, a), rank_sum, "independent")
    u = stats.mannwhitneyu(b, a).statistic
    ask({"u": u, "share": u / len(a) / len(b), "significance": {**expected, "method": "exact"}}, "mann_whitney", a, b)
    ask(enclosed(np.subtract.outer(b, a).ravel(), subset_sums(len(a), len(b))), "shift", a, b)


def medians(values):
    median = enclosed(values, Counter({k: math.comb(len(values), k) for k in range(len(values) + 1)}))
    ask({**median, "n": len(values)}, "median", values)


def order(values):
    if len(set(values)) == 1:
        ask("all values are equal", "drift", values)
        return
    rounds = np.arange(len(values))
    tau = stats.kendalltau(rounds, values).statistic
    if len(set(values)) == len(values):
        expected = p_values(lambda alternative: stats.kendalltau(rounds, values, method="exact", alternative=alternative).pvalue)
    else:
        later = np.sign(np.subtract.outer(rounds, rounds))
        score = lambda x: np.sum(later * np.sign(np.subtract.outer(x, x)))
        scores = np.array([score(np.array(each)) for each in itertools.permutations(values)])
        expected = p_values(
            lambda alternative: np.mean(scores >= score(values) if alternative == "greater" else scores <= score(values)))
    ask({"tau": tau, "significance": {**expected, "method": "exact"}}, "drift", values)


def history(values, value, level):
    n, mean, scatter = len(values), np.mean(values), np.std(values, ddof=1)
    error = scatter * math.sqrt(1 + 1 / n)
    t = (value - mean) / error
    margin = stats.t.ppf(level, n - 1) * error
    p = p_values(lambda alternative: stats.t.sf(t, n - 1) if alternative == "greater" else stats.t.cdf(t, n - 1))
    expected = {"mean": mean, "low": mean - margin, "high": mean + margin, "t": t, "df": n - 1, "significance": p}
    ask(expected, "predict", values, value=float(value), level=level)


def large():
    a, b = random.normal(0, 1, 40), random.normal(0.4, 1, 60)
    exact = p_values(lambda alternative: stats.mannwhitneyu(b, a, alternative=alternative, method="exact").pvalue)
    ask({"significance": {**exact, "method": "exact"}}, "mann_whitney", a, b)
    values = random.normal(0, 1, 50) + np.arange(50) * 0.02
    exact = p_values(
        lambda alternative: stats.kendalltau(np.arange(50), values, method="exact", alternative=alternative).pvalue)
    ask({"significance": {**exact, "method": "exact"}}, "drift", values)


def samples(n):
    """Continuous, skewed, with ties, constant, and constant but for one."""
    yield random.normal(10, 1, n)
    yield random.lognormal(1, 0.5, n)
    yield random.integers(1, 6, n).astype(float)
    yield np.full(n, float(random.integers(1, 5)))
    yield np.append(np.full(n - 1, 3.0), float(random.integers(1, 6)))


def prepare():
    for n, m in [(2, 3), (3, 3), (4, 4), (6, 5), (7, 7), (8, 6)]:
        for a, b in zip(samples(n), samples(m), strict=True):
            two_samples(a, b)
            two_samples(b, random.permutation(np.append(a, b[0])))
    for n in [2, 3, 5, 6, 8, 10, 12]:
        for values in samples(n):
            medians(values - random.choice([0.0, 3.0, 4.0]))
            if len(set(values)) > 1:
                history(values, random.normal(10, 3), float(random.choice([0.95, 0.99])))
    for n in [3, 5, 7]:
        for values in samples(n):
            order(values)
    for n in [1, 2, 5, 30]:
        p = np.round(random.uniform(0, 1, n) ** 3, 2 if n == 30 else 9)
        ask(list(stats.false_discovery_control(p)), "benjamini_hochberg", p)
    large()


def agrees(found, expected, name=""):
    if isinstance(expected, dict):
        return all(agrees(found[key], value, key) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(agrees(one, other) for one, other in zip(found, expected, strict=True))
    if isinstance(expected, (str, int)) or expected is None:
        return found == expected
    if name in ("greater", "less", "two_sided"):
        return abs(found - expected) <= 1e-7 and abs(found - expected) <= 1e-6 * expected + 1e-15
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


def main():
    prepare()
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([PROGRAM], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check-statistics: {PROGRAM} failed: {done.stderr}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), f"{len(answers)} answers to {len(questions)} questions"
    for question, found, expected in zip(questions, answers, expectations, strict=True):
        if isinstance(expected, str):
            right = expected in found.get("undefined", "")
        else:
            right = "undefined" not in found and agrees(found, expected)
        if not right:
            sys.exit(f"check-statistics: seed {SEED}: {json.dumps(question)}\n  found    {found}\n  expected {expected}")
    asked = Counter(question["procedure"] for question in questions)
    print("check-statistics: scipy agrees on " + ", ".join(f"{count} × {name}" for name, count in sorted(asked.items())))


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
