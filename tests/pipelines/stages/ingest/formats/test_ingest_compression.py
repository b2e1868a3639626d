"""Text files by whatever compression, detected by their content."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.formats.compression import decompressed, kind_of
from tests.pipelines.shared.tables.made import DAY, csv_pipeline, done

HEADER = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud\n"
TEXT = (HEADER + "".join(f"{n},2018-04-01,5,7,{n}.25,0\n" for n in range(3000))).encode()


def zipped(content, *names, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in names:
            archive.writestr(name, content)
    return target.getvalue()


def zstd(content):
    return pa.Codec("zstd").compress(content, asbytes=True)


def tarred(content):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def encrypted(content):
    """A zip archive whose file says that it is encrypted."""
    made = bytearray(zipped(content, "a.csv"))
    made[6] |= 1
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


PACK = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped(content, "folder/", "folder/a.csv", "__MACOSX/._a.csv"),
}


def content_of(path):
    with decompressed(path, path.name) as content:
        return b"".join(iter(lambda: content.read(1 << 10), b""))


@pytest.mark.parametrize("kind", PACK)
@given(content=st.binary().map(lambda more: b"id,t\n" + more))
def test_content_is_the_same_by_every_compression(tmp_path_factory, kind, content):
    path = tmp_path_factory.getbasetemp() / f"by-{kind}.csv"
    path.write_bytes(PACK[kind](content))
    assert kind_of(path) == kind
    assert content_of(path) == content


@pytest.mark.parametrize("kind", PACK)
def test_a_day_of_csv_is_read_by_every_compression_whatever_its_name(tmp_path, kind):
    path = tmp_path / "source" / f"ds={DAY}" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(PACK[kind](TEXT))
    assert (
        done("ingest", tmp_path / "store", tmp_path / "source", csv_pipeline())["rows"] == 3000
    )


@pytest.mark.parametrize("kind", [kind for kind in PACK if kind != "plain"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_compressed_file_that_ends_too_early_is_distinguished_from_a_corrupt_one(
    tmp_path, kind, share
):
    path, packed = tmp_path / "a.csv", PACK[kind](TEXT)
    path.write_bytes(packed[: int(len(packed) * share)])
    with pytest.raises(
        CutShortError, match=r"a.csv (cannot be decompressed|is a zip archive that)"
    ):
        content_of(path)


@pytest.mark.parametrize("kind", ["gzip", "bz2", "xz", "zip"])
def test_a_compressed_file_with_a_flipped_byte_is_corrupt(tmp_path, kind):
    path, packed = tmp_path / "a.csv", bytearray(PACK[kind](TEXT))
    packed[len(packed) // 3] ^= 0x55
    path.write_bytes(packed)
    with pytest.raises(SourceUnreadableError, match=r"a.csv cannot be decompressed"):
        content_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            zipped(TEXT, "a.csv", "b.csv"),
            r"a zip archive of 2 files \(a.csv, b.csv\). Expected one",
        ),
        (zipped(b""), "a zip archive of 0 files"),
        (encrypted(TEXT), "an encrypted zip archive. Expected one that opens without"),
        (zipped(b"<xml/>", "[Content_Types].xml", "xl/workbook.xml"), "format as 'excel'"),
        (zipped(zipped(TEXT, "a.csv"), "b.zip"), "compressed by zip once more"),
        (gzip.compress(gzip.compress(TEXT)), "compressed by gzip once more"),
        (gzip.compress(tarred(TEXT)), "is a tar archive"),
        (b"PAR1\x15rest", "is Parquet. Expected text in UTF-8"),
        (b"ORC\x05\x00rest", "is ORC"),
        (b"ARROW1\x00\x00rest", "is Feather"),
        (b"\xd0\xcf\x11\xe0rest", "an old or an encrypted office document"),
        (HEADER.encode("utf-16"), "is text in UTF-16"),
        (b"\x1f\x8brest of it", "cannot be decompressed"),
    ],
)
def test_what_is_not_one_text_is_called_by_its_name(tmp_path, content, message):
    path = tmp_path / f"ds={DAY}" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(content)
    os.utime(path, (time.time() - 3600,) * 2)
    with pytest.raises(SourceUnreadableError, match=message):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())


@pytest.mark.parametrize(
    "header", ["ORC_ID,t\n", "PAR1,t\n", "BZh,t\n", "BZh91,t\n", "ARROW1,t\n", "PK,t\n"]
)
def test_a_header_like_the_first_bytes_of_another_format_is_text(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(header + "1,2\n")
    assert content_of(path) == (header + "1,2\n").encode()
