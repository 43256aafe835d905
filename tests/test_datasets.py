"""Registry, cache and download of public data sets; no test here leaves this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cemlab import places
from cemlab.data import datasets, download
from cemlab.data.registry import DATASETS, Dataset
from cemlab.errors import DataError, DatasetUnavailableError, NotFoundError

BODY = b"week,arrest\n20,1\n17,1\n"
NAMES = (
    "cdnow", "cdnow_sample", "online_retail", "telco", "sfo_2017", "rossi", "two_segment_retention",
    "water_survey", "nsw", "card_krueger",
)  # fmt: skip


@dataclass
class Site:
    """A web server on this machine: what it answers by path, and what it was asked for."""

    address: str
    answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, path: str, body: bytes, *, status: int = 200, announce: int | None = None) -> None:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body) if announce is None else announce))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer

    def redirect(self, path: str, target: str) -> None:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if self.path in served.answers:
                served.answers[self.path](self)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Site(address=f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(places.CACHE_SETTING, str(folder))
    return folder


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dataset]:
    """Put an entry of the test's own into the registry."""

    def add(address: str, **given: Any) -> Dataset:
        entry: dict[str, Any] = {
            "name": "toy",
            "title": "Toy",
            "row": "a toy",
            "file": "toy.csv",
            "sha256": hashlib.sha256(BODY).hexdigest(),
            "size": len(BODY),
            "licence": "none",
            "citation": "none",
            "source": "Toy",
        }
        dataset = Dataset(address=address, **(entry | given))
        monkeypatch.setitem(DATASETS, dataset.name, dataset)
        return dataset

    return add


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def is_one_line(text: str) -> bool:
    return "\n" not in text and len(text) < 700


# read before any test points the setting elsewhere
REAL_DATA = places.cache_folder()


# --- the registry ---------------------------------------------------------------------------------


def test_the_registry_holds_the_data_sets_by_name() -> None:
    assert tuple(DATASETS) == NAMES
    assert all(name == dataset.name for name, dataset in DATASETS.items())


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_pinned_and_documented(name: str) -> None:
    dataset = DATASETS[name]
    pinned = r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/\S+"
    assert re.fullmatch(pinned, dataset.address)
    for text in (dataset.title, dataset.row, dataset.licence, dataset.citation, dataset.source):
        assert text.strip() == text != ""


def test_the_fictional_company_is_called_fictional_wherever_it_is_shown() -> None:
    assert [d.name for d in DATASETS.values() if d.fictional] == ["telco"]
    assert "fictional" in DATASETS["telco"].title
    assert "fictional" in DATASETS["telco"].source


def test_online_retail_is_joined_from_305_days_of_trade() -> None:
    # DATA.md: 305 files by day, 2010-12 to 2011-12
    parts = DATASETS["online_retail"].parts
    assert len(set(parts)) == 305
    assert list(parts) == sorted(parts)
    assert (parts[0], parts[-1]) == ("2010-12-01.csv", "2011-12-09.csv")


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("address", "http://example.org/toy.csv"),
        ("address", "file:///etc/passwd"),
        ("address", "http://127.0.0.1.example.org/toy.csv"),
        ("file", "../toy.csv"),
        ("file", "/toy.csv"),
        ("sha256", "abc"),
        ("content_sha256", "ABC"),
        ("parts", ("a/../b.csv",)),
    ],
)
def test_an_entry_that_could_lead_astray_cannot_be_made(field_name: str, value: object) -> None:
    given: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "row": "a toy",
        "file": "toy.csv",
        "address": "https://example.org/",
        "sha256": "0" * 64,
        "size": 1,
        "licence": "none",
        "citation": "none",
        "source": "Toy",
    }
    assert Dataset(**given).name == "toy"
    with pytest.raises(ValueError, match="toy"):
        Dataset(**(given | {field_name: value}))


@pytest.mark.parametrize("use", [datasets.available, datasets.raw_file, datasets.load])
def test_an_unknown_name_is_answered_with_the_nearest(use: Callable[[str], Any]) -> None:
    with pytest.raises(
        NotFoundError, match="no public data set named 'cdnwo'; did you mean 'cdnow'"
    ) as caught:
        use("cdnwo")
    assert is_one_line(str(caught.value))


def test_fetch_refuses_an_unknown_name_before_it_asks_for_anything(cache: Path) -> None:
    with pytest.raises(NotFoundError, match="'telko'; did you mean 'telco'"):
        datasets.fetch(["rossi", "telko"], report=lambda _: None)


# --- downloads that work --------------------------------------------------------------------------


def test_a_file_is_downloaded_once_and_kept(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", BODY)
    register(site.address + "toy.csv")
    assert not datasets.available("toy")
    path = datasets.raw_file("toy")
    assert path == cache / "toy.csv"
    assert path.read_bytes() == BODY
    assert datasets.available("toy")
    assert datasets.raw_file("toy", download=False) == path
    assert site.asked == ["/toy.csv"]
    assert [p.name for p in cache.iterdir()] == ["toy.csv"]


def split_entry(site: Site, register: Callable[..., Dataset], bodies: list[bytes], content: bytes) -> Dataset:
    names = tuple(f"part-{i:02}.csv" for i in range(len(bodies)))
    for name, body in zip(names, bodies, strict=True):
        site.serve(f"/{name}", body)
    return register(
        site.address,
        parts=names,
        file="toy.csv.gz",
        sha256="0" * 64,
        content_sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )


def test_parts_are_joined_in_order_under_one_header(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    # more parts than are asked for at once, one without rows, one without a line end
    rows = [f"{i},{i * i}\n".encode() for i in range(20)]
    rows[3] = b""
    content = b"n,square\n" + b"".join(rows)
    bodies = [b"n,square\n" + row for row in rows]
    bodies[7] = bodies[7].rstrip(b"\n")
    split_entry(site, register, bodies, content)
    path = datasets.raw_file("toy")
    assert gzip.decompress(path.read_bytes()) == content
    # time 0 and the name inside, so that two downloads give the same bytes (RFC 1952)
    assert path.read_bytes()[4:8] == b"\0\0\0\0"
    assert path.read_bytes()[10:18] == b"toy.csv\0"


def test_a_compressed_file_is_known_by_its_content_whoever_compressed_it(
    cache: Path, register: Callable[..., Dataset]
) -> None:
    register(
        "https://example.org/",
        parts=("a.csv",),
        file="toy.csv.gz",
        sha256="0" * 64,
        content_sha256=hashlib.sha256(BODY).hexdigest(),
    )
    cache.mkdir()
    path = cache / "toy.csv.gz"
    path.write_bytes(gzip.compress(BODY, compresslevel=1, mtime=12345))
    assert datasets.raw_file("toy", download=False) == path
    for spoilt in (gzip.compress(BODY + b"1,1\n"), gzip.compress(BODY)[:-9], b"no gzip at all"):
        path.write_bytes(spoilt)
        assert not datasets.available("toy")
        with pytest.raises(DataError, match="is not the file of the data set 'toy'"):
            datasets.raw_file("toy")


def test_online_retail_joined_from_its_days_is_the_verified_file(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    published = REAL_DATA / "online_retail.csv.gz"
    if not published.exists():
        pytest.skip(f"online_retail.csv.gz is not in the cache, {REAL_DATA}")
    dataset = DATASETS["online_retail"]
    with gzip.open(published, "rb") as file:
        header, *lines = file.read().splitlines(keepends=True)
    days: dict[str, list[bytes]] = {}
    for line in lines:
        match = re.search(rb",(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d,", line)
        assert match is not None
        days.setdefault(match.group(1).decode() + ".csv", []).append(line)
    assert tuple(days) == dataset.parts
    for name, rows in days.items():
        site.serve(f"/{name}", header + b"".join(rows))
    register(
        site.address,
        parts=dataset.parts,
        file=dataset.file,
        sha256=dataset.sha256,
        content_sha256=dataset.content_sha256,
        size=dataset.size,
    )
    good, _ = download.sums(dataset, datasets.raw_file("toy"))
    assert good
    assert len(site.asked) == 305


def test_a_fault_that_passes_is_tried_again(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", b"busy", status=503)
    busy = site.answers["/toy.csv"]

    def then_well(handler: http.server.BaseHTTPRequestHandler) -> None:
        busy(handler)
        site.serve("/toy.csv", BODY)

    site.answers["/toy.csv"] = then_well
    register(site.address + "toy.csv")
    assert datasets.raw_file("toy").read_bytes() == BODY
    assert len(site.asked) == 2


# --- downloads that fail: one line, and nothing is kept -------------------------------------------


def assert_refused(cache: Path, dataset: Dataset, *, match: str) -> None:
    with pytest.raises(DatasetUnavailableError, match=match) as caught:
        datasets.raw_file(dataset.name)
    line = str(caught.value)
    assert is_one_line(line)
    for needed in (dataset.file, dataset.address, str(cache), places.CACHE_SETTING):
        assert needed in line
    assert not list(cache.iterdir())


def test_another_sum_is_refused_with_both_sums(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    other = BODY.replace(b"20", b"21")
    site.serve("/toy.csv", other)
    dataset = register(site.address + "toy.csv")
    both = f"{hashlib.sha256(other).hexdigest()}.*{dataset.sha256}"
    assert_refused(cache, dataset, match=both)


def test_an_interrupted_download_leaves_nothing(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", BODY[:10], announce=len(BODY))
    dataset = register(site.address + "toy.csv")
    assert_refused(cache, dataset, match=f"broke off after 10 (of {len(BODY)} )?bytes")
    assert len(site.asked) == 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_a_download_that_is_stopped_leaves_nothing(
    stop: type[BaseException],
    cache: Path,
    site: Site,
    register: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site.serve("/toy.csv", BODY)
    register(site.address + "toy.csv")
    seen: list[str] = []

    def stopped(*_: object) -> None:
        seen.extend(path.name for path in cache.iterdir())
        raise stop

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(stop):
        datasets.raw_file("toy")
    # while it ran there was one hidden file, not the final name
    assert len(seen) == 1
    assert re.fullmatch(r"\.toy\.csv\..*\.part", seen[0])
    assert not list(cache.iterdir())


def test_more_than_was_announced_is_not_read(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", BODY * 10)
    assert_refused(cache, register(site.address + "toy.csv"), match=f"more than the {len(BODY)} bytes")


def test_a_file_that_is_gone_is_reported_with_the_answer(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    assert_refused(cache, register(site.address + "toy.csv"), match="answers 404 Not Found")
    assert len(site.asked) == 1


def test_a_redirect_away_from_https_is_not_followed(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/else.csv", BODY)
    site.redirect("/toy.csv", site.address + "else.csv")
    assert_refused(cache, register(site.address + "toy.csv"), match=r"redirects to http://.*not https")
    assert site.asked == ["/toy.csv"]


def test_a_redirect_to_https_would_be_followed() -> None:
    request = download.urllib.request.Request("https://example.org/a")
    follow = download._NoDowngrade().redirect_request
    followed = follow(request, None, 302, "Found", {}, "https://example.org/b")
    assert followed is not None
    assert followed.full_url == "https://example.org/b"


def test_parts_with_another_header_are_not_joined(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    dataset = split_entry(site, register, [b"a,b\n1,2\n", b"b,a\n2,1\n"], b"a,b\n1,2\n2,1\n")
    assert_refused(cache, dataset, match="part-01.csv has another header")


def test_parts_that_are_too_long_together_are_refused(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    dataset = split_entry(site, register, [b"a,b\n1,2\n"] * 3, b"a,b\n1,2\n1,2\n")
    assert_refused(cache, dataset, match="the parts hold more than the 12 bytes")


def test_a_part_that_is_gone_stops_the_rest(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    dataset = split_entry(site, register, [b"a\n1\n"] * 3, b"a\n1\n1\n1\n")
    del site.answers["/part-01.csv"]
    assert_refused(cache, dataset, match=r"part-01\.csv answers 404")


def test_offline_with_an_empty_cache_names_file_address_and_place(
    cache: Path, register: Callable[..., Dataset]
) -> None:
    assert_refused_offline(cache, register(closed_port() + "toy.csv"), match="cannot be reached")


def assert_refused_offline(cache: Path, dataset: Dataset, *, match: str) -> None:
    assert_refused(cache, dataset, match=match)
    with pytest.raises(download.NoNetworkError):
        datasets.raw_file(dataset.name)


def test_an_address_that_never_answers_is_given_up(
    cache: Path, monkeypatch: pytest.MonkeyPatch, register: Callable[..., Dataset]
) -> None:
    monkeypatch.setattr(download, "FIRST_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(download, "_READ_SECONDS", 1.0)
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/toy.csv"
        assert_refused_offline(cache, register(address), match=r"did not answer within 0\.2 s")
        for thread in threading.enumerate():
            if thread.name == "cemlab-download":
                thread.join()


def test_without_leave_to_download_nothing_is_asked_for(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    dataset = register(site.address + "toy.csv")
    with pytest.raises(DatasetUnavailableError) as caught:
        datasets.raw_file("toy", download=False)
    assert str(caught.value) == (
        f"toy.csv (Toy) is not in the cache; get it from {dataset.address} and put it as toy.csv into "
        f"the folder {cache}, or name another folder in CEMLAB_DATA"
    )
    assert site.asked == []


# --- the cache ------------------------------------------------------------------------------------


def test_a_cached_file_with_another_sum_is_neither_used_nor_replaced(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", BODY)
    dataset = register(site.address + "toy.csv")
    cache.mkdir()
    (cache / "toy.csv").write_bytes(b"mine")
    assert not datasets.available("toy")
    with pytest.raises(DataError, match="it was not used; delete it") as caught:
        datasets.raw_file("toy")
    assert is_one_line(str(caught.value))
    assert hashlib.sha256(b"mine").hexdigest() in str(caught.value)
    assert dataset.sha256 in str(caught.value)
    assert (cache / "toy.csv").read_bytes() == b"mine"
    assert site.asked == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_said_before_anything_is_asked_for(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    register(site.address + "toy.csv")
    cache.mkdir(mode=0o500)
    with pytest.raises(
        DatasetUnavailableError, match=r"the cache folder cannot be written \(Permission denied"
    ):
        datasets.raw_file("toy")
    assert site.asked == []


def test_a_cache_on_a_read_only_disk_is_said_before_anything_is_asked_for(
    cache: Path, site: Site, register: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(site.address + "toy.csv")
    opened = Path.open

    def read_only(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "x" in mode or "w" in mode:
            raise OSError(30, "Read-only file system", str(self))
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(
        DatasetUnavailableError, match=r"cannot be written \(Read-only file system\)"
    ) as caught:
        datasets.raw_file("toy")
    assert is_one_line(str(caught.value))
    assert site.asked == []


def test_a_cache_folder_that_is_a_file_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    (tmp_path / "taken").write_text("x")
    monkeypatch.setenv(places.CACHE_SETTING, str(tmp_path / "taken"))
    register(site.address + "toy.csv")
    assert not datasets.available("toy")
    with pytest.raises(DatasetUnavailableError, match="the cache folder cannot be written") as caught:
        datasets.raw_file("toy")
    assert is_one_line(str(caught.value))
    assert site.asked == []


def test_a_folder_in_the_place_of_the_file_is_an_error_of_one_line(
    cache: Path, register: Callable[..., Dataset]
) -> None:
    register("https://example.org/toy.csv")
    (cache / "toy.csv").mkdir(parents=True)
    with pytest.raises(DatasetUnavailableError, match="is in the cache but cannot be read"):
        datasets.raw_file("toy")


# --- fetch ----------------------------------------------------------------------------------------


def test_fetch_brings_what_is_missing_and_says_what_is_there(
    cache: Path, site: Site, register: Callable[..., Dataset]
) -> None:
    site.serve("/toy.csv", BODY)
    register(site.address + "toy.csv")
    register(site.address + "gone.csv", name="gone", file="gone.csv")
    lines: list[str] = []
    assert datasets.fetch(["gone", "toy"], report=lines.append) == ["toy"]
    assert "answers 404" in lines[0]
    assert lines[1] == f"Public data in {cache}: toy."
    assert lines[2].startswith("Not there: gone;")
    # what is there is not asked for again
    assert datasets.fetch(["toy"], report=lines.append) == ["toy"]
    assert site.asked == ["/gone.csv", "/toy.csv"]


def test_fetch_without_a_network_tries_one_address_only_and_does_not_fail(
    cache: Path, register: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        register(closed_port() + f"{i}.csv", name=f"toy{i}", file=f"{i}.csv")
    tried: list[str] = []
    real = download._answer
    monkeypatch.setattr(download, "_answer", lambda address, s: (tried.append(address), real(address, s))[1])
    cache.mkdir()
    (cache / "2.csv").write_bytes(BODY)
    (cache / "3.csv").write_bytes(b"mine")
    lines: list[str] = []
    assert datasets.fetch([f"toy{i}" for i in range(4)], report=lines.append) == ["toy2"]
    assert tried == [DATASETS["toy0"].address]
    assert "0.csv (Toy) could not be downloaded" in lines[0]
    # a wrong file in the cache is worth a line, network or not
    assert "is not the file of the data set 'toy3'" in lines[1]
    assert lines[-1].startswith("Not there: toy0, toy1, toy3;")


def test_fetch_reports_to_the_terminal_by_default(
    cache: Path, register: Callable[..., Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    register("https://example.org/toy.csv")
    cache.mkdir()
    (cache / "toy.csv").write_bytes(BODY)
    assert datasets.fetch(["toy"]) == ["toy"]
    assert capsys.readouterr().out == f"Public data in {cache}: toy.\n"


def test_a_terminal_sees_a_progress_bar(
    cache: Path,
    site: Site,
    register: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site.serve("/toy.csv", BODY)
    register(site.address + "toy.csv")
    datasets.raw_file("toy")
    assert capsys.readouterr().err == ""
    (cache / "toy.csv").unlink()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    datasets.raw_file("toy")
    assert "Downloading Toy" in capsys.readouterr().err


def test_the_module_is_cheap_to_import_for_the_start_of_the_lab() -> None:
    heavy = ["pandas", "ibis", "duckdb", "pyarrow"]
    code = f"import sys, cemlab.data.datasets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_downloads_can_be_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("CEMLAB_DATA", str(tmp_path))
    monkeypatch.setenv("CEMLAB_OFFLINE", "1")
    with pytest.raises(DatasetUnavailableError, match="CEMLAB_OFFLINE forbids downloads"):
        datasets.raw_file("rossi")


def test_notebooks_fall_back_on_the_small_tables_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setenv("CEMLAB_DATA", str(tmp_path))
    monkeypatch.setenv("CEMLAB_OFFLINE", "1")
    company = datasets.company_for(None, public="telco")
    assert company.info.fictional
    assert "in place of Telco" in company.info.source
    assert any("was not to be had" in note for note in company.info.notes)
    assert set(company.tables) == {"customers", "subscriptions", "transactions"}


def test_a_damaged_file_in_the_cache_is_never_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("CEMLAB_DATA", str(tmp_path))
    (tmp_path / datasets.DATASETS["telco"].file).write_text("something else")
    with pytest.raises(DataError, match="is not the file"):
        datasets.company_for(None, public="telco")


def test_the_users_own_folder_goes_first():
    assert datasets.company_for(places.bundled("data") / "small", public="telco").info.name == "small"
