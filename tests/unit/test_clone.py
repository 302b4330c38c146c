"""What a clone has: no tracked file is large, but for those that someone opens without a command."""

from helpers import ROOT, listed

MOST = 1_000_000  # bytes of a file
LARGE = {"released/page/cold-zoom.html", "released/page/notebooks/06_beyond.html"}
LARGE |= {"released/paper/report.pdf"}


def test_no_file_of_a_clone_is_large():
    sizes = {name: path.stat().st_size for name in listed() if (path := ROOT / name).is_file()}
    large = sorted(name for name, size in sizes.items() if size > MOST and name not in LARGE)
    assert large == [], f"above {MOST:,} bytes: leave out what a command makes, or list it in {__file__}"
