"""The report as a reader gets it: HTML and PDF built from a fake run, and what a build refuses."""

import copy
import html.parser
import json
import re
import shutil

import pytest
import typst
import yaml

import fake_run
from report import build, context, pages, render, results, text

FIGURES, EQUATIONS, ALGORITHMS, TABLES = 14, 11, 2, 11
LOADING = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}


class Document(html.parser.HTMLParser):
    """What the tests ask of a page: ids, links, what it loads, and its visible text."""

    def __init__(self, source: str):
        super().__init__()
        self.ids, self.links, self.loads, self.tags, self.words, self.hidden = [], [], [], [], [], 0
        self.feed(source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.hidden += tag in ("style", "script", "annotation")
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        elif attrs.get("href"):
            self.loads.append(attrs["href"])
        self.loads += [v for k, v in attrs.items() if k in LOADING]
        self.loads += re.findall(r"url\(([^)]*)\)", attrs.get("style") or "")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script", "annotation")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def built(folder, content=None):
    profile = fake_run.write(folder, content)
    build.build(folder, str(profile))
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A run at the study's scale, with both extractors."""
    return built(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="module")
def page(out):
    return Document((out / "report.html").read_text())


@pytest.fixture(scope="module")
def source(out):
    """The Typst source that the PDF is made of."""
    return render.typst_source(markdown(out), out)


def markdown(out, content=None):
    run = results.load(out)
    return render.markdown(build.SOURCE.read_text(), context.build(run, "fake", []))


def query(source, out, selector):
    """Labels and numbers as Typst lays them out."""
    file = out / "query.typ"
    file.write_text(source)
    try:
        return json.loads(typst.query(str(file), selector, root=str(out), ignore_system_fonts=True))
    finally:
        file.unlink()


def young(**changes):
    """A quick run: three epochs, clipped, without Inception."""
    content = fake_run.records(epochs=3, every=1, n=100, inception=False)
    for m in ("linear", "cosine"):
        content[f"train_{m}.json"]["parameters"]["clip_x0"] = True
    return content


# What the reader sees


def test_the_page_is_whole(page):
    sections = [
        "Abstract",
        "Contents",
        "Introduction",
        "Background",
        "References",
        "Conclusion",
        "Errata",
        "Reproducibility",
    ]
    for word in sections:
        assert word in page.text
    assert len(page.ids) == len(set(page.ids))
    assert any(t == "meta" and a.get("name") == "viewport" for t, a in page.tags)
    assert not {"<<", "<%", "%>", "{#", "??"} & set(re.findall(r"<<|<%|%>|\{#|\?\?", page.text))
    assert "@fig" not in page.text
    assert "@eq" not in page.text
    assert "@tbl" not in page.text
    assert "@sec" not in page.text


def test_all_figures_are_there_and_numbered_as_in_the_study(page):
    captions = {int(n) for n in re.findall(r"Figure (\d+)\.", page.text.replace("\xa0", " "))}
    assert captions == set(range(1, FIGURES + 5))  # and four of our own, after those of the study
    order = [i for i in page.ids if i.startswith("fig:")]
    study = [
        "schedules",
        "latents",
        "losses",
        "fid",
        "linear-samples",
        "cosine-samples",
        "zoom",
        "centre",
        "zoom-losses",
        "reconstructions",
    ]
    study += ["level24", "trajectory", "fid-all", "zoom-samples"]
    assert order[:FIGURES] == [f"fig:{s}" for s in study]
    pictures = [a for t, a in page.tags if t == "img"]
    assert len(pictures) == FIGURES + 4
    assert all(a["src"].startswith("data:image/") for a in pictures)


def test_equations_and_algorithms_are_numbered(page):
    assert [i for i in page.ids if i.startswith("alg:")] == ["alg:train", "alg:sample"]
    assert len([i for i in page.ids if i.startswith("eq:")]) == EQUATIONS
    numbers = [
        int(n)
        for n in re.findall(r"\((\d+)\)", " ".join(w for w in page.words if re.fullmatch(r"\(\d+\)", w)))
    ]
    assert set(numbers) >= set(range(1, EQUATIONS + 1))
    assert sum(t == "math" and a.get("display") == "block" for t, a in page.tags) >= EQUATIONS


def test_every_link_within_the_page_arrives(page):
    inside = {h[1:] for h in page.links if h.startswith("#")}
    assert inside
    assert inside <= set(page.ids)
    labels = {i for i in page.ids if i.startswith(("fig:", "tbl:", "eq:", "alg:", "sec:"))}
    unused = labels - inside
    assert not {u for u in unused if u.startswith(("fig:", "tbl:", "alg:"))}, (
        "a figure that no sentence mentions"
    )


def test_both_outputs_give_a_label_the_same_number(out, page, source):
    shown = dict(re.findall(r'#xref\(<([^>]+)>, "\(?([\d.]+)\)?"\)', source))
    prefix = {"fig": "Figure", "tbl": "Table", "alg": "Algorithm"}
    in_html = {}
    raw = (out / "report.html").read_text()
    for label in page.ids:
        kind = label.split(":")[0]
        if kind in prefix:
            in_html[label] = re.search(rf'id="{label}".*?{prefix[kind]}\s+(\d+)\.', raw, re.DOTALL).group(1)
        elif kind == "eq":
            in_html[label] = re.search(rf'id="{label}".*?class="eqno">\((\d+)\)', raw, re.DOTALL).group(1)
    laid_out = {}
    for kind, selector in (("image", "fig"), ("table", "tbl"), ("algorithm", "alg")):
        value = f'"{kind}"' if kind == "algorithm" else kind
        for i, found in enumerate(query(source, out, f"figure.where(kind: {value})"), start=1):
            laid_out[found["label"].strip("<>")] = str(i)
            assert found["label"].startswith(f"<{selector}:")
    equations = [e for e in query(source, out, "math.equation.where(block: true)") if e.get("numbering")]
    laid_out |= {e["label"].strip("<>"): str(i) for i, e in enumerate(equations, start=1)}
    assert in_html == laid_out
    assert len(in_html) == FIGURES + 4 + EQUATIONS + ALGORITHMS + TABLES
    for label, number in shown.items():
        if label in in_html:
            assert number == in_html[label], label


def test_numbers_come_from_the_run(out, tmp_path):
    before = markdown(out)
    content = fake_run.records()
    content["compare.json"]["final"]["zoom"]["digits"].update(fid=7.654, low=7.01, high=8.02)
    content["train_linear.json"]["learning_rate_check"]["printed"]["worst_loss"] = 12345.0
    fake_run.write(tmp_path, content)
    after = markdown(tmp_path)
    assert "7.65 [7.01," in after
    assert "7.65 [7.01," not in before
    assert "12,345" in after
    assert "12,345" not in before


def test_sentences_follow_the_outcome(tmp_path, out):
    content = fake_run.records()
    compare = content["compare.json"]
    for part in (compare["final"], compare["curves"]):
        part["linear"], part["cosine"] = part["cosine"], part["linear"]
    fake_run.write(tmp_path, content)
    here, there = markdown(out), markdown(tmp_path)
    assert "as the study found" in here
    assert "contrary to what the study found" in there
    assert "The cosine model's backgrounds are indeed the darker ones" in here
    assert "cosine model's backgrounds are the lighter ones" in there


@pytest.mark.parametrize("finite", [True, False])
def test_a_loss_that_overflows_is_told_in_words(tmp_path, finite):
    content = fake_run.records()
    if not finite:
        content["train_linear.json"]["learning_rate_check"]["printed"].update(finite=False, last_loss=None)
    fake_run.write(tmp_path, content)
    made = markdown(tmp_path)
    assert ("overflows" in made) != finite
    assert ("nothing is learnt" in made) == finite
    assert made.count("most likely meant") == 1


@pytest.mark.parametrize(("rate", "last"), [("printed", 0.5), ("used", 1.3)])
def test_a_rate_that_works_as_printed_is_no_misprint(tmp_path, rate, last):
    content = fake_run.records()
    content["train_linear.json"]["learning_rate_check"][rate]["last_loss"] = last
    fake_run.write(tmp_path, content)
    made = markdown(tmp_path)
    assert "most likely meant" not in made
    assert "no evidence of a misprint" in made
    assert "Perhaps $2" in made


def test_ledger_and_errata_are_printed(page):
    assert "The claims ledger" in page.text
    assert page.text.count("does not hold") >= 4
    for words in ("Heusel", "Equation 9", "Equation 3", "InspectionV3", "0.0625", "a 7 becomes a 0"):
        assert words in page.text, words


@pytest.mark.parametrize("inception", [True, False])
def test_captions_and_floors_follow_the_extractors(tmp_path, inception):
    fake_run.write(tmp_path, fake_run.records(inception=inception))
    made = markdown(tmp_path)
    assert made.count("Inception features (right)") == (2 if inception else 0)
    rows = [line for line in made.splitlines() if "| Inception |" in line]
    assert len(rows) == 3
    assert all(("7.2" in row and "±" in row) == inception for row in rows)


def test_the_abstract_says_what_is_not_read_and_what_was_clipped(tmp_path):
    content = fake_run.records()
    content["train_cosine.json"]["parameters"]["clip_x0"] = True
    fake_run.write(tmp_path, content)
    abstract = markdown(tmp_path).split("# Introduction")[0]
    assert "The samples of the cosine DDPM were clipped" in abstract
    assert "26% of them" in abstract
    assert "not recognised as digits" in abstract


# Scale


def test_no_banner_at_the_scale_of_the_study(page):
    assert "Not at the scale of the study" not in page.text
    assert not any(a.get("class") == "banner" for _, a in page.tags)


def test_banner_names_what_is_smaller(tmp_path):
    quick = Document((built(tmp_path, young()) / "report.html").read_text())
    assert any(a.get("class") == "banner" for _, a in quick.tags)
    assert "3 of 100 epochs, clipped sampling and 100 of 500 samples" in quick.text
    assert "undecided at this scale" in quick.text
    assert "not available" in quick.text
    assert "no weights file was found" in quick.text
    assert "Not at the scale of the study" in render.typst_source(markdown(tmp_path), tmp_path).replace(
        "\n", " "
    )


def of_fashion():
    content = fake_run.records()
    for record in content.values():
        record["parameters"]["dataset"] = "fashion"
    return content


def test_another_data_set_is_named_on_the_first_page(tmp_path):
    profile = fake_run.write(tmp_path, of_fashion())
    profile.write_text(profile.read_text() + "dataset: fashion\n")
    build.build(tmp_path, str(profile))
    page = Document((tmp_path / "report.html").read_text())
    banner = page.text[: page.text.index("Abstract")]
    assert "zoom on Fashion-MNIST, trained anew" in banner
    assert "About Fashion-MNIST, not MNIST." in banner
    assert "0 to 9 are T-shirt/top, Trouser" in banner
    assert "Not at the scale of the study" not in banner  # that it is
    assert "trained two DDPMs and a Cold Zoom Diffusion model on Fashion-MNIST" in page.text
    assert "another data set, Fashion-MNIST, unlike the study" in page.text
    assert "Benchmarking" in page.text  # its reference


def test_the_study_s_data_set_needs_no_word(page):
    assert "Fashion" not in page.text
    assert "Cold Zoom Diffusion model on MNIST" in page.text


def test_a_profile_of_another_data_set_is_refused(tmp_path, capsys):
    profile = fake_run.write(tmp_path)  # records that do not say, from before there was a choice
    profile.write_text(profile.read_text() + "dataset: fashion\n")
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    assert "dataset = 'mnist', but profile" in capsys.readouterr().err


# Safe, self-contained, the same each time


def test_the_page_loads_nothing(out, page):
    assert all(address.startswith("data:") for address in page.loads)
    styles = re.findall(r"<style.*?</style>", (out / "report.html").read_text(), re.DOTALL)
    assert styles
    assert not any("url(" in s or "@import" in s for s in styles)
    assert not any(tag == "script" for tag, _ in page.tags)
    assert all(h.startswith(("#", "https://", "notebooks/")) for h in page.links)


HOSTILE = [
    "<script>alert(1)</script>",
    '#panic("x")',
    "$x",
    "a | b",
    "[link](https://evil.example)",
    "`code` *bold* @fig:fid",
]
HOSTILE += [
    "<< 1 + 1 >>",
    "{#eq:beta}",
    "line\n\n# heading",
    "\\input{x}",
    ']#read("/etc/passwd")',
    '--- ... "q" ^a^ ~b~',
]


def test_names_from_a_run_stay_text(tmp_path):
    content = fake_run.records(inception=False)
    for label, name in zip(["linear", "cosine", "zoom"], range(3), strict=True):
        hostile = " ".join(HOSTILE[name::3])
        content["compare.json"]["labels"][label] = content[f"train_{label}.json"]["label"] = hostile
    everything = " ".join(HOSTILE)
    content["compare.json"]["environment"]["device_name"] = everything
    content["compare.json"]["extractors"]["inception"]["reason"] = everything
    content["compare.json"]["quality_rule"] = everything
    content["train_zoom.json"]["fingerprint"] = content["compare.json"]["fingerprints"]["zoom"] = everything
    out = built(tmp_path, content)
    page = Document((out / "report.html").read_text())
    assert not any(tag == "script" for tag, _ in page.tags)
    assert "https://evil.example" not in page.links
    assert not any("evil" in x for x in page.loads)
    for words in HOSTILE:
        assert page.text.count(" ".join(words.split())) >= 3, words
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"[^\\]#panic", render.typst_source(markdown(out), out))


@pytest.mark.parametrize("words", HOSTILE)
def test_escaped_text_comes_out_of_pandoc_as_it_went_in(words):
    shown = render.pandoc(text.escape(words), "--from=markdown", "--to=plain", "--wrap=none")
    assert shown.strip() == " ".join(words.split())
    assert render.pandoc(
        text.code(words), "--from=markdown", "--to=plain", "--wrap=none"
    ).strip() == " ".join(words.split())


def test_equal_runs_give_equal_bytes(out, tmp_path):
    again = built(tmp_path)
    for name in ("report.html", "report.pdf", "notebooks/01_schedules.html"):
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_the_pdf_is_one_and_nothing_is_left_behind(out):
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert not [p.name for p in out.iterdir() if p.name.startswith(".")]


# Notebooks


def test_notebooks_are_rendered_and_linked(out, page):
    for name in ("01_schedules", "02_train_ddpm-linear", "04_compare_fid"):
        assert f"notebooks/{name}.html" in page.links
        note = Document((out / "notebooks" / f"{name}.html").read_text())
        assert "../report.html" in note.links
        assert any(t == "math" and a.get("display") == "block" for t, a in note.tags)
        assert any(t == "meta" and a.get("name") == "viewport" for t, a in note.tags)


def test_notebook_pages_load_and_run_nothing(out):
    for path in (out / "notebooks").glob("*.html"):
        note = Document(path.read_text())
        assert all(address.startswith("data:") for address in note.loads), note.loads
        assert not any(tag in ("script", "iframe") for tag, _ in note.tags)
        assert not any(k.startswith("on") for _, attrs in note.tags for k in attrs)


def test_tags_hide_what_they_say(out):
    note = Document((out / "notebooks/01_schedules.html").read_text())
    assert "secret_helper" not in note.text
    assert "hidden_input" not in note.text
    assert "noise noise" not in note.text
    assert "shown output" in note.text
    assert "noisy" in note.text


def test_notebooks_of_an_earlier_run_are_left_alone(tmp_path):
    profile = fake_run.write(tmp_path)
    fake_run.nbformat.write(fake_run.notebook("stale"), tmp_path / "notebooks/02_train_ddpm-stale.ipynb")
    build.build(tmp_path, str(profile))
    assert not (tmp_path / "notebooks/02_train_ddpm-stale.html").exists()
    assert "ddpm-stale" not in (tmp_path / "report.html").read_text()


def test_something_else_than_a_notebook_is_refused(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("no notebook")
    with pytest.raises(ValueError, match="is not a notebook"):
        pages.page(tmp_path, path.name)


def test_a_run_without_notebooks_has_a_report(tmp_path):
    profile = fake_run.write(tmp_path)
    shutil.rmtree(tmp_path / "notebooks")
    build.build(tmp_path, str(profile))
    assert "executed notebooks" not in Document((tmp_path / "report.html").read_text()).text


# What a build refuses


@pytest.mark.parametrize(
    "expression", ["final.nobody.digits.fid", "unheard_of", "train.zoom.offset", "num(real.absent)"]
)
def test_an_undefined_value_fails_the_build(out, tmp_path, expression):
    altered = tmp_path / "report.md"
    altered.write_text(build.SOURCE.read_text() + f"\n<< {expression} >>\n")
    line = len(altered.read_text().splitlines())
    with pytest.raises(ValueError, match=f"report.md, line {line}: "):
        build.build(out, str(out / "fake.yaml"), altered)


@pytest.mark.parametrize("expression", ["none", "0.1", "num(none)", "percent(infinite)", "num('x')"])
def test_a_value_without_content_or_format_fails_the_build(expression):
    with pytest.raises(ValueError, match="report.md, line 2: "):
        render.markdown(f"Text\n<< {expression} >>", {"infinite": float("inf")})


def test_a_label_that_does_not_exist_fails_the_build(out):
    with pytest.raises(ValueError, match="no such label: fig:nowhere"):
        render.html("See @fig:nowhere.", out)


def test_a_label_defined_twice_fails_the_build(out):
    with pytest.raises(ValueError, match="label defined twice: eq:a"):
        render.html("$$a$$ {#eq:a}\n\n$$b$$ {#eq:a}\n", out)


@pytest.mark.parametrize("name", ["compare.json", "schedules.json", "train_zoom.json", "train_linear.json"])
def test_a_missing_record_is_named_with_what_to_run(tmp_path, name, capsys):
    profile = fake_run.write(tmp_path)
    (tmp_path / "metrics" / name).unlink()
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error
    assert "run notebook 0" in error
    assert not (tmp_path / "report.html").exists()


def mixed(file, *keys, value):
    def change(content):
        entry = content[file]
        for key in keys[:-1]:
            entry = entry[key]
        entry[keys[-1]] = value

    return change


MIXED = [
    (mixed("train_cosine.json", "parameters", "seed", value=7), "seed"),
    (mixed("schedules.json", "parameters", "seed", value=7), "seed"),
    (mixed("train_zoom.json", "fingerprint", value="other"), "fingerprint of zoom"),
    (mixed("train_linear.json", "epochs", value=50), "epochs of linear"),
    (mixed("train_linear.json", "label", value="other"), "label of linear"),
    (mixed("train_linear.json", "model", value="zoom"), "name of the model"),
    (mixed("train_zoom.json", "parameters", "interpolation", value="bilinear"), "zoom interpolation"),
    (mixed("train_cosine.json", "parameters", "beta_max", value=0.5), "beta_max"),
    (mixed("train_cosine.json", "parameters", "dataset", value="fashion"), "data set"),
]


@pytest.mark.parametrize(("change", "what"), MIXED)
def test_records_of_different_runs_are_refused(tmp_path, change, what, capsys):
    content = fake_run.records()
    profile = fake_run.write(tmp_path, content)
    change(content)
    fake_run.write(tmp_path / "mixed", content)
    assert build.main(["--out", str(tmp_path / "mixed"), "--profile", str(profile)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "come from different runs" in error
    assert what in error


REFUSED = [
    (mixed("train_linear.json", "process", value="own"), "train_linear.json has the process 'own'"),
    (mixed("train_zoom.json", "process", value="own"), "train_zoom.json has the process 'own'"),
    (mixed("train_linear.json", "parameters", "schedule", value="cosine"), "has the schedule 'cosine'"),
    (mixed("compare.json", "final", "zoom", "n", value=10000), "10000 of zoom"),
]


@pytest.mark.parametrize(("change", "what"), REFUSED)
def test_models_under_a_wrong_name_and_unequal_distances_are_refused(tmp_path, change, what, capsys):
    content = fake_run.records()
    change(content)
    profile = fake_run.write(tmp_path, content)
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert what in error


def places(value, path=()):
    """The path of every mapping's key in a record; of a list only the first entry."""
    pairs = value.items() if isinstance(value, dict) else list(enumerate(value))[:1]
    for key, part in pairs:
        yield (*path, key)
        if isinstance(part, dict | list):
            yield from places(part, (*path, key))


def complaint(out, source):
    """The message of the ValueError with which the report is refused; empty if it is made."""
    try:
        render.markdown(source, context.build(results.load(out), "fake", []))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", sorted(fake_run.records()))
@pytest.mark.parametrize("damage", ["missing", "list", "null"])
def test_a_damaged_record_is_one_clear_line_or_does_not_matter(tmp_path, name, damage):
    """Whatever key is lost: the report is made without it, or a ValueError names the file."""
    whole, refused = fake_run.records(), 0
    fake_run.write(tmp_path, whole)
    file, source = tmp_path / "metrics" / name, build.SOURCE.read_text()
    for path in places(whole[name]):
        if damage != "missing" and len(path) > 2:
            continue  # deeper keys are of few kinds, all met above
        content = copy.deepcopy(whole[name])
        entry = content
        for key in path[:-1]:
            entry = entry[key]
        if damage == "missing":
            del entry[path[-1]]
        else:
            entry[path[-1]] = [] if damage == "list" else None
        file.write_text(json.dumps(content))
        error = complaint(tmp_path, source)
        refused += bool(error)
        assert not error or name in error, (path, error)
        assert "\n" not in error
    assert refused > 10


@pytest.mark.parametrize("content", ["[]", "1", "null", "{}"])
def test_a_record_of_another_kind_is_refused(tmp_path, content, capsys):
    profile = fake_run.write(tmp_path)
    (tmp_path / "metrics/compare.json").write_text(content)
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "compare.json" in error


# Variants


def with_variant(name="bilinear"):
    """A run with a fourth model, another zoom."""
    content = fake_run.records()
    record, compare = copy.deepcopy(content["train_zoom.json"]), content["compare.json"]
    record |= {"model": name, "label": f"Cold Zoom, {name}", "fingerprint": f"f1{name}"}
    record["parameters"] |= {"model": name, "interpolation": "bilinear", "T": 20}
    content[f"train_{name}.json"] = record
    compare["models"].append(name)
    compare["parameters"]["models"].append(name)
    compare["labels"][name], compare["fingerprints"][name] = record["label"], record["fingerprint"]
    for key in ("final", "curves"):
        compare[key][name] = copy.deepcopy(compare[key]["zoom"])
    return content


def add_to_profile(path, name, **entry):
    profile = yaml.safe_load(path.read_text())
    profile["models"][name] = entry
    path.write_text(yaml.safe_dump(profile, sort_keys=False))


def test_a_variant_of_a_model_comes_into_the_report(tmp_path):
    path = fake_run.write(tmp_path, with_variant())
    add_to_profile(path, "bilinear", notebook="03_train_zoom", interpolation="bilinear", T=20)
    build.build(tmp_path, str(path))
    page = Document((tmp_path / "report.html").read_text())
    assert page.text.count("Cold Zoom, bilinear") >= 3
    assert "Not at the scale of the study" not in page.text
    assert "The 4 trainings took" in page.text


def test_a_process_of_one_s_own_comes_into_the_report(tmp_path):
    content = with_variant("blur")
    record = content["train_blur.json"]
    record |= {"process": "own", "notebook": "05_your_degradation"}
    for key in ("reconstruction", "confusion", "dark_centre", "five_as_zero", "centre_pixels"):
        del record[key]
    del record["parameters"]["interpolation"], record["parameters"]["n_reconstruct"]
    record["parameters"]["degradation"] = "diffusion.blur:ColdBlur"
    record["code"] = fake_run.code("05_your_degradation", "diffusion.blur:ColdBlur")
    path = fake_run.write(tmp_path, content)
    add_to_profile(path, "blur", notebook="05_your_degradation", degradation="diffusion.blur:ColdBlur", T=20)
    build.build(tmp_path, str(path))
    assert "Cold Zoom, blur" in Document((tmp_path / "report.html").read_text()).text


def test_another_profile_than_the_run_s_is_refused(tmp_path, capsys):
    fake_run.write(tmp_path, fake_run.records(epochs=60))
    assert build.main(["--out", str(tmp_path), "--profile", "paper"]) == 1
    assert "profile 'paper' says" in capsys.readouterr().err


def test_a_comparison_without_the_study_s_models_is_refused(tmp_path, capsys):
    content = fake_run.records()
    profile = fake_run.write(tmp_path, content)
    content["compare.json"]["models"] = ["linear", "zoom"]
    fake_run.write(tmp_path, content)
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    assert "misses cosine" in capsys.readouterr().err


def test_a_missing_figure_is_named(tmp_path, capsys):
    profile = fake_run.write(tmp_path)
    (tmp_path / "figures/fig07_zoom.png").unlink()
    assert build.main(["--out", str(tmp_path), "--profile", str(profile)]) == 1
    assert "figures/fig07_zoom.png" in capsys.readouterr().err


@pytest.mark.parametrize("profile", ["nonsense", "nowhere.yaml"])
def test_an_unknown_profile_is_refused(out, profile, capsys):
    assert build.main(["--out", str(out), "--profile", profile]) == 1
    assert "known profiles: " in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert build.main(["--out", str(tmp_path / "none"), "--profile", "quick"]) == 1
    assert "is not a folder" in capsys.readouterr().err


# Formats


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.num(0.0470), "0.0470"), (text.num(123456, 2), r"$1.2\times 10^{5}$"),
        (text.num(1e-5, 2), "$10^{-5}$"),
        (text.num(-0.5, 2), "−0.50"), (text.num(0), "0"), (text.num(9.999, 2), "10"),
        (text.fixed(-0.001), "0.00"),
        (text.num(99.96), "100"), (text.integer(146961), "146,961"), (text.integer(1000), "1000"),
        (text.percent(0.0004), "0.04%"), (text.percent(0.5), "50%"), (text.percent(0.0), "0%"),
        (text.span(9.0, 8.5, 9.5), "9.00 [8.50,\xa09.50]"), (text.span(9.0, None, None), "9.00"),
        (text.spread(0.78, 0.13), "0.78\xa0±\xa00.13"), (text.spread(12.3, 40.0), "12\xa0±\xa040"),
        (text.duration(0.091), "0.091 s"), (text.duration(43), "43 s"), (text.duration(720), "12 min"),
        (text.duration(18360), "5.1 h"), (text.near_one(0.78), "0.78"), (text.near_one(1.0), "1.0"),
        (text.near_one(1 - 1e-5), f"1{text.FIXED}−{text.FIXED}$10^{{-5}}$"),
        (text.listing([1, 8, 9]), "1, 8 and 9"), (text.listing([]), "none"),
        (text.sentence("a rule."), "A rule\\."),
    ],
)  # fmt: skip
def test_formats(shown, expected):
    assert shown == expected


# --- several seeds ------------------------------------------------------------------------------------------


def several(change=lambda seed, content: None):
    content = fake_run.records()
    return content, fake_run.seeds(content, 1, 7, change=change)


def worse_cosine(seed, content):
    """With seed 7 the cosine model is the worse one."""
    if seed == 7:
        for part in (content["compare.json"]["final"], content["compare.json"]["curves"]):
            part["cosine"], part["linear"] = part["linear"], part["cosine"]


def test_several_seeds_are_reported_with_their_spread_and_must_agree(tmp_path):
    profile = fake_run.write_seeds(tmp_path, *several(worse_cosine))
    build.build(tmp_path, str(profile))
    page = Document((tmp_path / "report.html").read_text())
    assert "Several seeds" in page.text
    assert "mean over 3 seeds" in page.text
    assert "6.3 ± 2.3" in page.text  # distances of the cosine model, 5, 5 and 9, mean and sd by hand
    assert "of 3 seeds: holds with 2, does not hold with 1" in page.text
    assert "with all 3 seeds" in page.text
    assert "with one seed" not in page.text


def no_inception(seed, content):
    """With seed 7 the weights could not be had."""
    if seed == 7:
        bare = fake_run.records(inception=False)["compare.json"]
        content["compare.json"] |= {key: bare[key] for key in ("extractors", "curves", "final", "floor")}


def test_what_one_of_the_seeds_lacks_is_left_out_of_their_table(tmp_path):
    build.build(tmp_path, str(fake_run.write_seeds(tmp_path, *several(no_inception))))
    page = Document((tmp_path / "report.html").read_text())
    assert "mean over 3 seeds" in page.text


def test_one_seed_says_so(page):
    assert "Each model was trained once, with one seed" in page.text
    assert "Several seeds" not in page.text


def other_rate(seed, content):
    content["train_zoom.json"]["parameters"]["learning_rate"] = 1e-3


def other_seed(seed, content):
    for record in content.values():
        record["parameters"]["seed"] = 99


@pytest.mark.parametrize(
    ("change", "message"),
    [(other_rate, "learning_rate of 03_train_zoom"), (other_seed, "disagree about the seed")],
)
def test_seeds_of_different_runs_are_refused(tmp_path, change, message):
    fake_run.write_seeds(tmp_path, *several(change))
    with pytest.raises(ValueError, match=message):
        results.load(tmp_path)


def test_a_profile_with_other_seeds_is_refused(tmp_path):
    profile = fake_run.write_seeds(tmp_path, *several())
    content = yaml.safe_load(profile.read_text()) | {"seeds": [0, 1]}
    profile.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(ValueError, match="was run with seeds"):
        build.build(tmp_path, str(profile))


# --- sentences that depend on the outcome -------------------------------------------------------------------


def zoom_classes(share, low, high, divergence):
    def change(content):
        values = {"share": share, "low": low, "high": high, "divergence": sum(divergence) / 2}
        values |= {"divergence_low": divergence[0], "divergence_high": divergence[1]}
        for row in fake_run.ends(content["compare.json"], "zoom"):
            row["classes"].update(values)
            row["recognised"].update(share=share, low=low, high=high)

    return change


def swap_distances(compare):
    """Swap the distances of the two DDPMs, at the end and along training."""
    final, curves = compare["final"], compare["curves"]
    for key in ("digits", "inception"):
        final["linear"][key], final["cosine"][key] = final["cosine"][key], final["linear"][key]
    curves["linear"], curves["cosine"] = curves["cosine"], curves["linear"]


LOW, HIGH = [x - 0.02 for x in fake_run.REAL], [x + 0.02 for x in fake_run.REAL]
ONE_LOW = [LOW[0], fake_run.REAL[1] + 0.001, *LOW[2:]]  # the interval of a single digit misses: chance


def linear_is_better(content):
    content["train_cosine.json"]["common_loss"] = fake_run.common_loss(0.06)
    content["train_linear.json"]["common_loss"] = fake_run.common_loss(0.05)
    for line in content["train_cosine.json"]["history"]:
        line["train_loss"], line["test_loss"] = line["train_loss"] + 0.05, line["test_loss"] + 0.05


def losses_cross(content):
    content["train_cosine.json"]["common_loss"]["by_level"][:8] = [1.0] * 8


def linear_is_best(content):
    linear_is_better(content)
    swap_distances(content["compare.json"])


def cosine_is_worse_by_distance_alone(content):
    linear_is_best(content)
    for line in content["train_cosine.json"]["history"]:
        line["train_loss"], line["test_loss"] = line["train_loss"] - 0.05, line["test_loss"] - 0.05


def zoom_is_further(content):
    compare = content["compare.json"]
    for key in ("digits", "inception"):
        for row in (compare["final"]["zoom"], *compare["curves"]["zoom"]):
            row[key].update(fid=900.0, low=890.0, high=910.0)


def all_steps(content):
    content["train_cosine.json"]["parameters"]["sampling_steps"] = 1000


def some_favoured(content):  # 1 is favoured and 8 unclear; 2 to 5 are rarer, none of them missing
    low, high = LOW.copy(), HIGH.copy()
    low[1] = fake_run.REAL[1] + 0.01
    for digit in (2, 3, 4, 5):
        high[digit] = fake_run.REAL[digit] - 0.01
    zoom_classes(fake_run.REAL, low, high, (0.08, 0.12))(content)


def scattered(content):
    variety = content["compare.json"]["final"]["linear"]["variety"]
    variety.update(precision=0.2, recall=0.99, recall_low=0.96, recall_high=1.0)


def measures_disagree(content):
    for row in fake_run.ends(content["compare.json"], "zoom"):
        row["variety"].update(coverage=0.95, coverage_low=0.93, coverage_high=0.97)


def clipping_brightens_one(content):
    content["compare.json"]["clipping"]["cosine"]["gap"]["background"].update(mean=0.5, low=0.4, high=0.6)


def float32_gaps(**gaps):
    """The distance in float32 minus that in bfloat16, of some models."""

    def change(content):
        for model, (low, high) in gaps.items():
            gap = content["compare.json"]["float32"][model]["gap"]["digits"]
            gap.update(mean=(low + high) / 2, low=low, high=high)

    return change


def no_float32(content):
    del content["compare.json"]["float32"]  # as in the records of earlier versions


def zoom_swings(content):
    for point in content["compare.json"]["curves"]["zoom"]:
        point["digits"]["fid"] = 10.0 if point["epoch"] % 10 else 30.0


def few_dark_centres(content):
    for row in fake_run.ends(content["compare.json"], "zoom"):
        row["centre"].update(dark=0.05, white=0.02)


def digits_change(content):
    """The zoom model's distance swings, and 1 and 7 lead by turns."""
    zoom_swings(content)
    for row in content["compare.json"]["curves"]["zoom"]:
        share = [0.05] * 10
        share[7 if row["epoch"] % 10 else 1] = 0.55
        row["recognised"].update(share=share, low=[s - 0.04 for s in share], high=[s + 0.04 for s in share])


def respaced(content):
    content["train_cosine.json"]["parameters"]["sampling_steps"] = 200


@pytest.mark.parametrize(
    ("change", "said", "unsaid"),
    [
        (lambda content: None, "Its bias towards some digits is real.", "Its classes are unevenly spread"),
        (
            zoom_classes(fake_run.REAL, LOW, HIGH, (0.0, 0.02)),
            "do not differ measurably",
            "bias towards some",
        ),
        (zoom_classes(fake_run.REAL, ONE_LOW, HIGH, (0.0, 0.02)), "do not differ measurably", "unevenly"),
        (
            zoom_classes(fake_run.REAL, LOW, HIGH, (0.08, 0.12)),
            "though no single class stands out",
            "is real.",
        ),
        (linear_is_better, "better judge of noise, which @fig:losses alone could not tell.", "whatever"),
        (linear_is_best, "lower distance, contrary to the study, nor the lower loss.", "although it gives"),
        (
            cosine_is_worse_by_distance_alone,
            "contrary to the study, although it gives the lower loss.",
            ", nor the",
        ),
        (
            lambda content: None,
            "towards such centres that the study sees is there.",
            "contrary to the study's imp",
        ),
        (
            few_dark_centres,
            "both are rarer than there, contrary to the study's impression",
            "the study sees is there",
        ),
        (zoom_is_further, "is clearly further from the data than the linear DDPM", "further the data"),
        (all_steps, "runs through $t = T, \\dots, 1$.", "it takes fewer steps"),
        (some_favoured, "though not wholly in the way that the study describes", "though not in the way"),
        (
            lambda content: None,
            "For both DDPMs clipping darkens the backgrounds that are seen and brings the samples closer",
            "for the cosine DDPM it",
        ),
        (
            clipping_brightens_one,
            "; for the cosine DDPM it brightens the backgrounds that are seen and brings",
            "For both DDPMs",
        ),
        (lambda content: None, "rounding in the sampler makes no difference that these", "rounding takes"),
        (
            float32_gaps(linear=(-2, -1)),
            "rounding takes the samples of linear away from",
            "no difference that",
        ),
        (
            float32_gaps(linear=(-2, -1), zoom=(0.1, 0.2)),
            "by more than chance, and brings those of zoom closer",
            "no difference that",
        ),
        (float32_gaps(zoom=(0.1, 0.2)), "it even brings those of zoom closer", "rounding takes"),
        (zoom_swings, "it lies between 10.0 and 30.0, the linear DDPM's", "So do the digits"),
        (digits_change, "each of 1 and 7 is clearly the most frequent one at some checkpoint", "whatever"),
        (
            few_dark_centres,
            "of them (5.0% and 2.0% on average over the last 20% of training), and in 15.0% and 8.0%",
            "whatever",
        ),
        (lambda content: None, "In digit features the zoom model ends at", "swings from checkpoint"),
        (no_float32, "@Tbl:distances gives the final distances", "Drawn in float32"),
        (lambda content: None, "Recall is 0.41 for the zoom model", "which is no praise"),
        (scattered, "for the linear model, which is no praise", "linear and cosine models"),
        (
            measures_disagree,
            "by divergence of the classes and recall it is less varied than a DDPM, by coverage it is",
            "it is the least varied of the three",
        ),
        (lambda content: None, "it is the least varied of the three", "depends on the measure"),
        (
            losses_cross,
            "the cosine model errs less at $\\bar\\alpha$ = 0.85 and 0.95, the linear model at the other",
            "the better judge of noise.",
        ),
        (respaced, "it takes fewer steps, spread evenly over these", "for the linear DDPM and"),
    ],
)
def test_no_sentence_contradicts_the_data(tmp_path, change, said, unsaid):
    content = fake_run.records()
    change(content)
    fake_run.write(tmp_path, content)
    made = markdown(tmp_path)
    assert said in made
    assert unsaid not in made


def test_without_inception_the_ledger_says_what_its_verdicts_rest_on(tmp_path):
    fake_run.write(tmp_path, fake_run.records(inception=False))
    assert markdown(tmp_path).count("**holds**, in digit features only") == 5
    fake_run.write(tmp_path, fake_run.records())
    assert "in digit features only" not in markdown(tmp_path)


@pytest.mark.parametrize(("last", "outcome"), [(1.02, "stuck"), (0.93, "stuck"), (0.5, "no evidence")])
def test_a_rate_that_learns_nothing_ends_near_one(last, outcome):
    check = copy.deepcopy(fake_run.records()["train_linear.json"]["learning_rate_check"])
    check["printed"]["last_loss"] = last
    assert context.rate_outcome(check) == outcome
