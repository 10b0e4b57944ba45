"""The model card of an exported encoder: training data, measured numbers, how to load it."""

import inspect
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from ml_collections import ConfigDict

from jaxhash.encoders import exported
from jaxhash.encoders.encoder import Encoder
from jaxhash.runs import provenance, workdir
from jaxhash.runs.results import read

TEMPLATE = "model_card.md"
SHOWN = {  # keys of results.json, and rows of the table
    "map_index": "mAP, ties broken by place in the database",
    "precision_at_radius_2": "precision within Hamming radius 2",
    "recall_at_radius_2": "recall within Hamming radius 2",
}


def write(encoder: Encoder, folder: Path) -> str:
    """Writes the card.

    Args:
      encoder: the exported network.
      folder: its workdir, with results.json where it was measured.

    Returns:
      Markdown, with the header of a model hub.

    Raises:
      UserError: results.json is damaged.
    """
    config, results = encoder.config, None
    if (folder / workdir.RESULTS).exists():
        results = read([folder])[0].results
        if results["steps"] != encoder.step:  # of another checkpoint
            results = None
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = (files("jaxhash.encoders") / TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(template).render(
        encoder=encoder,
        data=config.data,
        model=config.model,
        config=config,
        weights=_weights(config),
        results=results,
        numbers=_numbers(results) if results else [],
        code=provenance.code_version(),
        loader=loader(),
    )


def loader() -> str:
    """Returns the lines of Python that load an exported encoder where jaxhash is not installed."""
    names = f'PROGRAM, WEIGHTS = "{exported.PROGRAM}", "{exported.WEIGHTS}"'
    parts = [inspect.getsource(function) for function in (exported.read_weights, exported.load)]
    imports = "import json\nfrom collections.abc import Callable\nfrom pathlib import Path\n\n"
    imports += "import jax\nimport numpy as np\nfrom jax import export\n\n"
    return f"{imports}{names}\n\n\n" + "\n\n".join(parts).rstrip()


def _weights(config: ConfigDict) -> str:
    """Returns the name of the initial weights; of a file without its folder, it may be private."""
    name = config.model.weights
    return Path(name).name if name.endswith(".safetensors") else name


def _numbers(results: dict) -> list[tuple[str, str]]:
    """Lists what was measured, as rows of the table."""
    at = f"@{results['map_at']:,}" if results.get("map_at") else ""
    ends = results.get("map_interval")
    interval = f" [{ends[0]:.4f}, {ends[1]:.4f}]" if ends else ""
    rows = [(f"mAP{at}, ties averaged", f"{results['map']:.4f}{interval}")]
    return rows + [
        (words, f"{results[name]:.4f}") for name, words in SHOWN.items() if name in results
    ]
