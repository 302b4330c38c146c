"""The floors of the project: imports of packages run one way, and the helper knows nothing of the study."""

import ast

import pytest
import yaml

import checkout

# workflow -> report -> study -> diffusion <- diffusion.play
ABOVE = {
    "diffusion": {"diffusion.play", "study", "report", "workflow"},
    "diffusion.play": {"study", "report", "workflow"},
    "study": {"diffusion.play", "report", "workflow"},
    "report": {"diffusion.play", "workflow"},
}


def sources(root, package):
    """The syntax trees of a package, without the packages in it that have a floor of their own."""
    folder = root.joinpath(*package.split("."))
    within = [root.joinpath(*name.split(".")) for name in ABOVE if name.startswith(f"{package}.")]
    for path in sorted(folder.rglob("*.py")):
        if not any(path.is_relative_to(one) for one in within):
            yield path, ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("package", ABOVE)
def test_imports_run_one_way(root, package):
    for path, tree in sources(root, package):
        found = checkout.imports(ast.walk(tree))
        back = {name for name in found for one in ABOVE[package] if f"{name}.".startswith(f"{one}.")}
        assert not back, f"{path} imports {back}"


def test_the_helper_names_no_model_no_profile_and_no_record(root):
    known = {"metrics", "ledger", "claims"}
    for path in (root / "profiles").glob("*.yaml"):
        known |= {path.stem, *yaml.safe_load(path.read_text("utf-8"))["models"]}
    known -= {"linear", "cosine", "zoom"}  # schedules and a process, too
    known -= {"paper"}  # a style of seaborn's
    for path, tree in sources(root, "diffusion"):
        named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not named & known, f"{path} names {named & known}"
