"""Metrics by definition, on one ranked list and over all orders of ties; nothing of jaxhash."""

import itertools
import math
import operator

import numpy as np


def orders(distance):
    """Yields every order of the items that puts no farther one before a nearer one."""
    ties = [np.flatnonzero(distance == d) for d in sorted(set(distance.tolist()))]
    for parts in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield [int(i) for part in parts for i in part]


def average(metric, distance, gains, at):
    """Averages a metric of a ranked list over all orders of tied items."""
    return np.mean([metric([int(gains[i]) for i in order], at) for order in orders(distance)])


def by_index(distance, gains):
    """Ranks with ties in the order given."""
    return [int(gains[i]) for i in sorted(range(len(distance)), key=lambda i: (distance[i], i))]


def average_precision(ranked, at):
    found, total = 0, 0.0
    for place, gain in enumerate(ranked[:at], start=1):
        if gain:
            found += 1
            total += found / place
    relevant = sum(gain > 0 for gain in ranked)
    return total / max(min(relevant, len(ranked) if at is None else at), 1)


def acg(ranked, at):
    return sum(ranked[:at]) / at


def ndcg(ranked, at):
    def dcg(gains):
        return sum(g / math.log2(place + 1) for place, g in enumerate(gains[:at], start=1))

    ideal = dcg(sorted(ranked, reverse=True))
    return dcg(ranked) / ideal if ideal else 0.0


def precision(ranked, at):
    return sum(gain > 0 for gain in ranked[:at]) / at


def recall(ranked, at):
    return sum(gain > 0 for gain in ranked[:at]) / max(sum(gain > 0 for gain in ranked), 1)


def distances(queries, database):
    """Counts differing bits of unpacked codes, one by one."""
    return np.array([[sum(map(operator.ne, q, x)) for x in database] for q in queries])
