"""Logs and stores in S3, of a server on this machine that speaks its protocol."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from io import BytesIO

import polars as pl
import pytest
import worlds

import hotmess
from hotmess.errors import CannotWrite, HotmessError, NoSuchPath, Unreachable, UnreadableFile
from hotmess.read.files import File, files
from hotmess.read.places import Place
from hotmess.read.store import Store, is_store
from hotmess.store import clean, ingest, verify

pytest.importorskip("moto", reason="pip install 'moto[s3,server]'")
s3fs = pytest.importorskip("s3fs")

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An S3 of its own process; its address."""
    said = tmp_path_factory.mktemp("moto") / "said.txt"
    with said.open("wb") as stream:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        started = subprocess.Popen(command, stdout=stream, stderr=stream, env=os.environ | KEYS)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said.read_text())):
            assert started.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        yield found[0]
    finally:
        started.kill()
        started.wait()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """The address of a bucket of this test's own."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[:60].strip("-")
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()


def put(address, number, questions=20):
    stream = BytesIO()
    worlds.lengths(number, questions=questions, samples=6).with_columns(model=pl.lit(f"m{number}")).write_parquet(stream)
    s3fs.S3FileSystem(skip_instance_cache=True).pipe_file(f"{address}/log{number}.parquet", stream.getvalue())


def logs(bucket, count=3):
    for number in range(count):
        put(f"{bucket}/logs", number)
    return f"{bucket}/logs"


def figures(*sources):
    return hotmess.measure(hotmess.read(*sources)).table()


def became(found):
    return sorted(one.became for one in found)


def test_logs_of_a_bucket_into_a_store_of_a_bucket_by_several_processes(bucket):
    source, store = logs(bucket), f"{bucket}/store"
    assert became(ingest([source], store, processes=2)) == ["new"] * 3
    want = figures(source)
    assert want["samples"].to_list() == [120] * 3
    assert figures(store).equals(want)
    assert verify(Store.open(store)).whole
    before = Place(store).names()
    assert became(ingest([source], store)) == ["there"] * 3
    assert Place(store).names() == before
    put(source, 1, questions=30)
    assert became(ingest([source], store)) == ["grown", "there", "there"]
    assert figures(store)["questions"].to_list() == [20, 30, 20]
    assert verify(Store.open(store)).orphans == ()


def test_parts_without_a_record_are_removed_when_they_are_old(bucket):
    store = f"{bucket}/store"
    ingest([logs(bucket, 2)], store)
    here = Store.open(store)
    record = here.records()[0][0]
    here.place.remove(f"logs/{record.key}.json")
    orphans = tuple(sorted(part.path for part in record.samples))
    assert verify(here).orphans == orphans
    assert clean(here) == ()  # the object is young: its run may go on
    assert clean(here, older=0) == orphans
    assert verify(here).orphans == ()
    here.place.remove(here.records()[0][0].samples[0].path)
    with pytest.raises(UnreadableFile, match="1 of 1 parts"):
        hotmess.read(store)


def test_what_others_write_is_seen(bucket):
    place, other = Place(f"{bucket}/store"), s3fs.S3FileSystem(skip_instance_cache=True)
    place.write("logs/a", b"1")
    assert place.names("logs") == ["logs/a"]
    assert not place.has("logs/b")
    assert place.size("logs/b") is None
    other.pipe_file(f"{place.root}/logs/b", b"22")
    assert place.names("logs") == ["logs/a", "logs/b"]
    assert (place.has("logs/b"), place.size("logs/b")) == (True, 2)
    assert dict(place.contents(["logs/b", "logs/a"])) == {"logs/b": b"22", "logs/a": b"1"}
    other.pipe_file(f"{place.root}/logs/b", b"333")
    assert (place.size("logs/b"), place.read("logs/b")) == (3, b"333")
    assert [file.size for file in files([f"{bucket}/store/logs"])] == [1, 3]
    other.rm_file(f"{place.root}/logs/b")
    assert not place.has("logs/b")
    assert place.names("logs") == ["logs/a"]
    place.remove("logs/b")
    assert Place(f"{bucket}/nowhere").names() == []


def test_the_first_bytes_of_a_log_are_all_that_is_fetched_to_tell_what_it_is(bucket, monkeypatch):
    Place(bucket).write("big.bin", bytes(3_000_000))
    fetched = []
    plain = s3fs.core.S3File._fetch_range
    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", lambda file, *ends: fetched.append(ends) or plain(file, *ends))
    (file,) = files([f"{bucket}/big.bin"])
    assert len(file.head()) == 65_536
    assert sum(end - start for start, end in fetched) < 300_000


def test_what_is_not_there_is_said(bucket, tmp_path):
    source, here = logs(bucket, 1), str(tmp_path / "store")
    with pytest.raises(NoSuchPath, match="there is nothing at `s3://no-such-bucket/logs`"):
        ingest(["s3://no-such-bucket/logs"], here)
    with pytest.raises(CannotWrite, match=r"s3://no-such-bucket/store/.*bucket does not exist"):
        ingest([source], "s3://no-such-bucket/store")
    with pytest.raises(NoSuchPath, match="there is nothing at `s3://no-such-bucket/store`"):
        hotmess.read("s3://no-such-bucket/store")
    assert not is_store(f"{bucket}/logs")
    gone = File(f"{bucket}/logs/gone.parquet", shown="gone.parquet")
    with pytest.raises(UnreadableFile, match=r"`gone\.parquet` cannot be opened"):
        gone.head()


def test_a_server_that_does_not_answer_is_said(bucket, run, monkeypatch):
    source = logs(bucket, 1)
    (file,) = files([source])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    for ask in (lambda: ingest([source], f"{bucket}/store"), lambda: is_store(source), file.open):
        with pytest.raises(Unreachable, match="cannot be reached: Could not connect"):
            ask()
    code, _, err = run("ingest", source, "-o", "store")
    assert code == 2
    assert err.startswith(f"error[no-such-path]: `{source}` cannot be reached: Could not connect")
    code, _, err = run("measure", f"{bucket}/store")
    assert code == 2
    assert err.startswith(f"error[unreachable]: `{bucket}/store/hotmess-store.json` cannot be reached: Could not connect")


def test_a_log_that_stops_half_way_is_said_and_the_others_go_on(bucket, monkeypatch):
    source = logs(bucket, 3)
    plain = s3fs.core.S3File._fetch_range

    def torn(file, start, end):
        if "log1" in file.path and end > 150_000:  # beyond the first bytes, which the driver reads
            raise ConnectionResetError(104, "Connection reset by peer")
        return plain(file, start, end)

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", torn)
    s3fs.S3FileSystem(skip_instance_cache=True).pipe_file(f"{source}/log1.parquet", b"PAR1" + bytes(200_000))
    found = ingest([source], f"{bucket}/store")
    assert became(found) == ["failed", "new", "new"]
    assert "log1.parquet` cannot be reached: [Errno 104] Connection reset" in found[1].record.failed
    assert figures(f"{bucket}/store")["model"].to_list() == ["m0", "m2"]


def test_a_key_that_may_only_read(server, bucket, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    source = logs(bucket, 1)
    ingest([source], f"{bucket}/store")
    iam = boto3.client("iam", endpoint_url=server)
    iam.create_user(UserName="reader")
    allowed = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]}'
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=allowed)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    s3fs.S3FileSystem.clear_instance_cache()
    check(server, 0)
    try:
        assert figures(f"{bucket}/store")["samples"].to_list() == [120]
        with pytest.raises(CannotWrite, match=r"other/hotmess-store\.json` cannot be written: Access Denied"):
            ingest([source], f"{bucket}/other")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(HotmessError, match=r"cannot be reached: .*signature"):
            hotmess.read(f"{bucket}/store")
    finally:
        check(server, 1e9)


def check(server, after):
    """Let the server look at keys, after a number of requests."""
    plain = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{server}/moto-api/reset-auth", str(after).encode(), plain)  # noqa: S310 - ours
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - ours
        assert answer.status == 200


def test_keys_that_fsspec_alone_was_told(server, bucket, monkeypatch):
    from fsspec.config import conf

    store = f"{bucket}/store"
    ingest([logs(bucket, 2)], store)
    want = figures(store)
    for name in (*KEYS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setitem(conf, "s3", {"endpoint_url": server, "key": "testing", "secret": "testing"})
    s3fs.S3FileSystem.clear_instance_cache()
    assert not Place(store).native
    assert figures(store).equals(want)
