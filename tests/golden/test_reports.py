"""What the paper prints: its PDF against its page; its tables: test_report_tables.py."""

import re
import shutil
import subprocess

import pytest

# --- the PDF ---


def letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def test_each_row_of_the_table_of_claims_leads_to_its_place_on_the_page(made_out, report):
    linked = {*re.findall(rb"/URI\s*\(report\.html#(claim-[\w-]+)\)", (made_out / "report.pdf").read_bytes())}
    known = {one["id"] for one in report.select("details.claim[id^=claim-]")}
    assert len(known) > 20
    assert {one.decode() for one in linked} == known


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext, of poppler-utils")
def test_the_pdf_says_what_the_page_says(made_out, report):
    said = subprocess.check_output(["pdftotext", made_out / "report.pdf", "-"], text=True)
    for aside in report.select("math, .page, [id='sec:sources'], [id='sec:claims'], [id='sec:page']"):
        aside.decompose()
    sentences = [
        one for p in report.select("main p, main li") for one in re.split(r"(?<=[.:;])\s", p.get_text())
    ]
    told = [one for one in map(letters, sentences) if len(one) > 50]
    assert len(told) > 120
    printed = letters(said)
    assert sum(one in printed for one in told) > 0.85 * len(told)  # the others have formulas, or a page ends
    assert not re.search(r"<<|>>|%%|\{#|@fig|@tbl|\?\?", said)
