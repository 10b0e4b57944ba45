"""Every notebook runs from top to bottom, with fewer epochs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
SHORTER = {
    "EPOCHS = 20.0": "EPOCHS = 4.0",
    "PER_CLASS = 100": "PER_CLASS = 40",
    "WIDTH = 16": "WIDTH = 4",
    'LOSSES = "dhida,adh"': 'LOSSES = "dhida"',
}
SHOWN = {  # how many outputs of a kind
    "quickstart": {"image/png": 3},
    "your_own_images": {"image/png": 1},
    "compare_methods": {"text/markdown": 2},
}


def test_every_notebook_is_known():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SHOWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_notebook_runs(name, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", data_dir)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # One device: eight would each hold a slice of a batch that two cores compute anyway.
    monkeypatch.setenv("XLA_FLAGS", "")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert f"jaxhash/blob/main/notebooks/{name}.ipynb" in notebook.cells[0].source
    for cell in notebook.cells:
        assert not cell.get("outputs"), f"{name} is stored with outputs"
        for text, shorter in SHORTER.items():
            cell.source = cell.source.replace(text, shorter)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for kind, count in SHOWN[name].items():
        assert sum(kind in output.get("data", {}) for output in outputs) == count
