"""From sweeps to runs: the product, its names, and everything that is refused."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.cli import overrides
from jaxhash.errors import UserError
from jaxhash.grid import expand
from jaxhash.report import lengths
from jaxhash.runs import workdir
from jaxhash.runs.results import Run as Result
from tests.grid import small
from tests.report import fakes

DHIDA = "configs/dhida.py"
VALUES = {
    "bits": st.integers(1, 128),
    "attention": st.sampled_from(["ida", "danet", "none", "cbam"]),
    "optim.lr": st.floats(1e-6, 1.0),
    "train.total_steps": st.integers(1, 1000),
    "seed": st.integers(0, 100),
}


def runs(paths, sweeps=(), fixed=(), seeds=None, out="nowhere"):
    found = expand.paths([paths] if isinstance(paths, str) else paths)
    return expand.expand(found, [expand.sweep(text) for text in sweeps], fixed, seeds, Path(out))


@st.composite
def grids(draw):
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=3))
    return {key: draw(st.lists(VALUES[key], unique=True, min_size=1, max_size=3)) for key in keys}


@pytest.mark.slow
@given(grids(), st.randoms())
def test_a_grid_is_the_product_whatever_the_order_of_its_sweeps(grid, random):
    texts = [f"{key}={','.join(map(str, values))}" for key, values in grid.items()]
    found = runs(DHIDA, texts)
    assert len(found) == math.prod(map(len, grid.values()))
    assert len({run.name for run in found}) == len(found)
    assert all(re.fullmatch(r"[\w.=,+-]+", run.name) for run in found)
    for run in found:
        config = overrides.build(run.config, run.overrides)
        for key, values in grid.items():
            where = {"bits": "model.bits", "attention": "model.attention.name"}.get(key, key)
            value = config
            for part in where.split("."):
                value = value[part]
            assert value in values
    random.shuffle(texts)
    assert {run.folder for run in runs(DHIDA, texts)} == {run.folder for run in found}


def test_names_and_commands_are_readable():
    run = runs(
        f"{DHIDA}:scale=tiny", ["bits=16", "config.optim.lr=1e-3"], ["--config.devices=1"], 2
    )
    assert [each.name for each in run] == [
        "dhida,bits=16,optim.lr=0.001,scale=tiny,seed=0",
        "dhida,bits=16,optim.lr=0.001,scale=tiny,seed=1",
    ]
    assert run[1].command()[-5:] == [
        "--config=configs/dhida.py:scale=tiny,bits=16",
        "--config.devices=1",
        "--config.optim.lr=1e-3",
        "--config.seed=1",
        "--workdir=nowhere/dhida,bits=16,optim.lr=0.001,scale=tiny,seed=1",
    ]


def test_several_configs_each_with_arguments_of_its_own():
    found = runs(["configs/adh.py:scale=small,configs/dah.py", DHIDA], ["attention=none"])
    assert [run.config for run in found] == [
        "configs/adh.py:scale=small,attention=none",
        "configs/dah.py:attention=none",
        "configs/dhida.py:attention=none",
    ]


def test_a_key_is_an_argument_where_there_is_one_and_a_value_where_it_says_so():
    (argument,) = runs(DHIDA, ["attention=none"])
    (value,) = runs(DHIDA, ["config.model.attention.name=cbam"])
    assert argument.config == f"{DHIDA}:attention=none"
    assert value.config == DHIDA and value.overrides == ("--config.model.attention.name=cbam",)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            "bit=16",
            "--sweep bit: configs/dhida.py has no such argument or value; did you mean bits?",
        ),
        ("lr=1", "did you mean optim.lr?"),
        ("optim.lrr=1", "did you mean optim.lr?"),
        ("zzzzz=1", "its arguments are bits, dataset, row, attention, scale"),
        ("bits=16,x", "bits=x: expected int"),
        ("bits=16,7.5", "bits=7.5: expected int"),
        ("bits=16,0", "model.bits=0: expected a whole number from 1"),
        ("optim.lr=1,fast", "optim.lr=fast: expected a number"),
        ("train.total_steps=many", "train.total_steps=many: expected a whole number"),
        ("eval.at_start=perhaps", "at_start"),
        ("scale=big", "scale=big: expected paper or lite or frozen or small or tiny"),
        ("attention=idda", "did you mean ida?"),
        ("dataset=cifar01", "did you mean cifar10?"),
        ("optim.name=adamm", "did you mean adam?"),
        ("bits", "expected KEY=VALUE,VALUE"),
        ("bits=16,,32", "expected KEY=VALUE,VALUE"),
        ("bits=16,16", "16 is given twice"),
        ("optim.lr=1e-3,0.001", "are the same run"),
        ("data.workers=1,2", "changes no result; set it once"),
        ("eval.at_start=True,False", "changes no result"),
        ("data.dir=a,b", "changes no result"),
        ("name=a,b", "changes no result"),
        ("loss.adh.eta=.1,.2", "--sweep loss.adh.eta: dhida does not use it; sweep what its"),
        ("model.backbone.resnet30.width=32,64", "dhida does not use it"),
        ("model.head.classifier.bias=True,False", "dhida does not use it"),
        ("model.attention.cbam.reduction=8,16", "dhida does not use it"),
        ("optim.warmup_percent=0,5", "dhida does not use it"),
        ("optim.drop_percent=50,60", "dhida does not use it"),
        ("loss.dhida.gamma=.1,nan", "loss.dhida.gamma=nan: expected a number"),
        ("loss.dhida.balance_axis=bits,rows", "balance_axis 'rows': expected samples or bits"),
        ("model.backbone.resnet.width=64,0", "width=0: expected at least 1"),
        ("config.model.attention.nodes=stage9", "model.attention.nodes has 'stage9'"),
        ("optim.lr=0.1,inf", "optim.lr=inf: expected a number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(sweep, message):
    with pytest.raises(UserError) as error:
        runs(DHIDA, [sweep])
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"paths": DHIDA, "sweeps": ["bits=8", "bits=16"]}, "bits is swept over twice"),
        ({"paths": DHIDA, "sweeps": ["seed=3"], "seeds": 2}, "seed is swept over twice"),
        ({"paths": DHIDA, "seeds": 0}, "--seeds=0: expected a whole number from 1"),
        ({"paths": f"{DHIDA}:bits=8", "sweeps": ["bits=16"]}, "bits is set for all runs"),
        (
            {"paths": DHIDA, "sweeps": ["optim.lr=1"], "fixed": ["--config.optim.lr=2"]},
            "optim.lr is set for all runs",
        ),
        ({"paths": DHIDA, "fixed": ["--config.optim.lrr=2"]}, "did you mean optim.lr?"),
        ({"paths": [DHIDA, DHIDA]}, "are the same run"),
        ({"paths": "configs/dihda.py"}, "no such file"),
        ({"paths": [DHIDA, "configs/adh.py"], "sweeps": ["row=D"]}, "configs/adh.py has no such"),
        ({"paths": DHIDA, "sweeps": ["row=D", "attention=none"]}, "leave attention= out"),
        (
            {"paths": DHIDA, "sweeps": ["loss.name=dhida,adh", "loss.dhida.gamma=.1,.2"]},
            "--sweep loss.dhida.gamma: dhida does not use it",
        ),
        (
            {"paths": DHIDA, "sweeps": ["train.total_epochs=1,2", "train.total_steps=9"]},
            "--sweep train.total_epochs: dhida does not use it",
        ),
    ],
)
def test_grids_that_make_no_sense_are_refused(grid, message):
    with pytest.raises(UserError, match=re.escape(message)):
        runs(**grid)


@pytest.mark.parametrize(
    ("paths", "sweep", "row"),
    [
        (DHIDA, "loss.dhida.gamma=.1,.2", "gamma 0.{}"),
        (DHIDA, "model.backbone.resnet.width=1,2", "width {}"),
        (DHIDA, "config.model.attention.ida.reduce_axis=query,key", None),
        (f"{DHIDA}:scale=small", "optim.warmup_percent=0,5", None),
        ("configs/dah.py", "model.head.classifier.bias=True,False", None),
        ("configs/hrmpa.py", "model.backbone.swin.window=1,2", "window {}"),
        (f"{DHIDA}:attention=cbam", "model.attention.cbam.reduction=1,2", "reduction {}"),
        (DHIDA, "optim.lr=1,2", "lr {}.0"),
        (DHIDA, "train.total_epochs=1,2", None),
        (DHIDA, 'config.model.attention.nodes=("stage3",),("last",)', None),
    ],
)
def test_two_values_are_two_rows_of_the_table(paths, sweep, row):
    """Whatever a config uses can be swept over, options of its loss, backbone and head too."""
    found = []
    for steps, run in enumerate(runs(paths, [sweep])):
        config = overrides.build(run.config, run.overrides).to_dict()
        numbers = fakes.results(config=json.loads(json.dumps(config)))
        if sweep.startswith("train."):
            numbers["steps"] = steps + 1
        found.append(Result(run.name, numbers, [], {}))
    (table,) = lengths.tables(found)
    assert len(table.rows) == 2
    if row:
        assert [*table.rows] == [f"dhida-small ({row.format(value)})" for value in (1, 2)]
    assert len({run.name for run in runs(paths, [sweep])}) == 2


def test_an_argument_that_changes_nothing_in_use_makes_the_same_run(tmp_path):
    text = small.CONFIG.replace(
        "config.optim.lr = 1e-3", "config.loss.adh.eta = float(args.bits); config.model.bits = 8"
    )
    path = tmp_path / "same.py"
    path.write_text(text)
    with pytest.raises(UserError, match="are the same run"):
        runs(str(path), ["bits=8,16"])


def test_configs_of_one_name_are_told_apart_or_refused(tmp_path):
    one, other = small.config(tmp_path, "a/same.py"), small.config(tmp_path, "b/same.py")
    with pytest.raises(UserError, match="have the same name"):
        runs([one, f"{other}:bits=8"], ["optim.lr=0.5"][:0])
    Path(other).write_text(small.CONFIG.replace("lr = 1e-3", "lr = 1e-4"))
    with pytest.raises(UserError, match="have the same name"):
        runs([one, other])


def test_a_folder_that_holds_another_run_is_refused_and_a_log_alone_is_not(tmp_path):
    (run,) = runs(DHIDA, out=tmp_path)
    run.claim().close()
    assert runs(DHIDA, out=tmp_path) == [run]
    with workdir.claimed(run.folder, overrides.build(DHIDA, ["--config.optim.lr=0.5"])):
        pass
    with pytest.raises(UserError, match="optim.lr is 0.5 there"):
        runs(DHIDA, out=tmp_path)
