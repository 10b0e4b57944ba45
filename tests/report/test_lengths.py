"""Tables in the papers' shape, against numbers worked out by hand."""

import csv
import io

from jaxhash.report import lengths
from jaxhash.runs import results as files
from jaxhash.runs.results import Run
from tests.report import fakes

NUSWIDE = {"dataset": "nuswide", "protocol": "nuswide_21", "map_at": 5000}


def run(name, bits, seed, value, **changes):
    numbers = fakes.results(name=name, bits=bits, seed=seed, map=value, **changes)
    return Run(f"{name}-{bits}-{seed}", numbers, [], {})


def runs():
    """DHIDA at 16 and 32 bits with three seeds, DANet in its place at 16 with two."""
    return [
        run("dhida-small", 16, 0, 0.5),
        run("dhida-small", 16, 1, 0.6),
        run("dhida-small", 16, 2, 0.7),
        run("dhida-small", 32, 0, 0.25),
        run("dhida-small", 32, 1, 0.25),
        run("dhida-small", 32, 2, 0.25),
        run("dhida-d-small", 16, 0, 0.1),
        run("dhida-d-small", 16, 1, 0.5),
    ]


def test_a_cell_is_the_mean_and_the_deviation_of_a_sample_and_the_papers_figure():
    # .5, .6, .7: mean .6, squares .01 + 0 + .01 over two, root .1; .1, .5: root of .08 is .2828.
    assert lengths.markdown(runs()) == (
        "cifar10, protocol cifar10_54k: mAP; mean and deviation over 3 seeds; in brackets what the "
        "method's paper reports at its own scale.\n\n"
        "| method | 16 bits | 32 bits |\n"
        "|---|---|---|\n"
        "| dhida-small | 0.6000 +- 0.1000 (0.8213) | 0.2500 +- 0.0000 (0.8359) |\n"
        "| dhida-d-small | 0.3000 +- 0.2828, 2 of 3 seeds (0.8076) |  |\n\n"
        "Papers' mAP: DHIDA, table 3, protocol of section 4.1; DHIDA, table 4, protocol of section "
        "4.1.\n\n"
        "8 runs of jaxhash 0.1.0+0123456789ab on 1 x cpu (pretended).\n"
    )


def test_the_csv_has_a_line_for_each_cell():
    titles, *lines = csv.reader(io.StringIO(lengths.csv_text(runs())))
    assert titles[:4] == ["dataset", "protocol", "metric", "method"]
    first, second, third = (dict(zip(titles, line, strict=True)) for line in lines)
    assert [first[name] for name in ("method", "bits", "seeds")] == ["dhida-small", "16", "3"]
    assert abs(float(first["mean"]) - 0.6) < 1e-9 and abs(float(first["deviation"]) - 0.1) < 1e-9
    assert first["paper"] == "0.8213" and first["source"].startswith("DHIDA, table 3")
    assert second["bits"] == "32" and third["seeds"] == "2"
    assert abs(float(third["deviation"]) - 0.08**0.5) < 1e-9


def test_classes_that_were_not_trained_on_have_a_table_for_each_measure():
    kinds = {"map_seen@seen": 0.9, "map_seen@all": 0.8, "map_unseen@unseen": 0.7}
    where = {"protocol": "cifar10_unseen", "map_at": 1000, "map_unseen@all": 0.25}
    tables = lengths.tables([run("dpsh-frozen", 16, 0, 0.75, **kinds, **where)])
    assert [table.metric for table in tables] == [
        "mAP@1000",
        "mAP@1000 by hits",
        "mAP@1000, seen@seen",
        "mAP@1000, seen@all",
        "mAP@1000, unseen@unseen",
        "mAP@1000, unseen@all",
    ]
    assert tables[-1].rows["dpsh-frozen"][16].values == [0.25]
    assert "divided by min(1000, relevant items)" in tables[-1].markdown()


def test_there_is_a_table_for_each_data_set_protocol_and_metric():
    found = [
        run("dhida", 16, 0, 0.5),
        run("dhida", 16, 0, 0.5, protocol="cifar10_59k"),
        run("dhida", 64, 0, 0.5, **NUSWIDE, map_index_hits=0.75),
        run("dhida", 48, 0, 0.5, **NUSWIDE, map_index_hits=None),
    ]
    tables = lengths.tables(found)
    assert [(each.dataset, each.protocol, each.metric) for each in tables] == [
        ("cifar10", "cifar10_54k", "mAP"),
        ("cifar10", "cifar10_59k", "mAP"),
        ("nuswide", "nuswide_21", "mAP@5000"),
        ("nuswide", "nuswide_21", "mAP@5000 by hits"),
    ]
    assert "one seed" in tables[0].markdown() and "(0.8213)" in tables[0].markdown()
    # DHIDA's protocol is another.
    assert "brackets" not in tables[1].markdown() and "| dhida | 0.5000 |" in tables[1].markdown()
    # The paper's lineage divides by hits, and its number stands beside ours that does.
    ours, theirs = tables[2].markdown(), tables[3].markdown()
    assert "mAP@5000, divided by min(5000, relevant items), ties averaged; one seed." in ours
    assert "| dhida | 0.5000 | 0.5000 |" in ours and "0.8552" not in ours
    assert "mAP@5000 by hits, divided by the hits among the first 5000, ties by index;" in theirs
    assert "| method | 64 bits |" in theirs and "| dhida | 0.7500 (0.8552) |" in theirs
    assert "DHIDA, table 3, protocol of section 4.1: mAP@5000 by hits." in theirs


def test_methods_of_one_name_are_told_apart_by_what_differs():
    config = fakes.results(name="dhida")["config"]
    faster = {**config, "optim": {"lr": 0.5}}
    found = [run("dhida", 16, 0, 0.5, config=config), run("dhida", 16, 0, 0.7, config=faster)]
    (table,) = lengths.tables(found)
    assert list(table.rows) == ["dhida (lr 0.001)", "dhida (lr 0.5)"]


def test_columns_are_sorted_by_length():
    (table,) = lengths.tables([run("dhida", bits, 0, 0.5) for bits in (64, 8, 16)])
    assert table.bits == [8, 16, 64]


def test_it_writes_what_a_folder_of_runs_holds(tmp_path):
    folder = fakes.workdir(tmp_path / "a", fakes.results(map=0.5))
    assert "0.5000" in lengths.markdown(files.read([folder]))
