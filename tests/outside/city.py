"""A city of its own for each check, taken from one backup: its server, its store as plain SQL sees it, QGIS on it."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from live import Feed

HERE = Path(__file__).parent
# Debian's own, whose modules know GDAL and QGIS; another may come first in PATH.
DEBIAN_PYTHON = "/usr/bin/python3"
# What is awaited takes a fraction of a second; on a machine with much else to do it may take longer.
PATIENCE_S = 10


def wait_for(what, look, seconds=PATIENCE_S):
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout


class City:
    def __init__(self, bin_dir, backup, folder):
        self.citytwin = Path(bin_dir) / "citytwin"
        self.folder = Path(folder)
        self.store = self.folder / "city.gpkg"
        self.server = self.feed = None
        os.environ["LC_ALL"] = "en_US.UTF-8"
        run(self.citytwin, "restore", backup, "--city", self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def serve(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(self.folder.with_suffix(".log"), "a+")
        self.server = subprocess.Popen([self.citytwin, "serve", "--city", self.folder, "--listen", f"127.0.0.1:{port}"],
                                       stdout=self.log, stderr=self.log)

        def ready():
            assert self.server.poll() is None, "the server ended: " + Path(self.log.name).read_text()
            try:
                return self.get("/ready") is not None
            except (urllib.error.URLError, ConnectionError):
                return False
        wait_for("a server that is ready", ready, 60)
        self.feed = Feed("127.0.0.1", port)

    def stop(self):
        if self.server:
            self.feed and self.feed.close()
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(30)
            self.log.close()
            self.server = self.feed = None

    def get(self, path):
        """`None` where there is nothing."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers={"Accept": "application/json"}), timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    def item(self, collection, fid):
        return self.get(f"/collections/{collection}/items/{fid}")

    def history(self, collection, fid):
        """Newest first."""
        answer = self.get(f"/collections/{collection}/items/{fid}/history")
        return answer["versions"] if answer else []

    def found_at(self, collection, place):
        """Ids of what the index has within some decimetres of a place."""
        lon, lat = place
        box = ",".join(f"{x:.7f}" for x in (lon - 2e-6, lat - 2e-6, lon + 2e-6, lat + 2e-6))
        return [feature["id"] for feature in self.get(f"/collections/{collection}/items?bbox={box}&limit=1000")["features"]]

    def sql(self, query, *values):
        """Read by a plain SQLite that is closed again at once."""
        conn = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=10)
        try:
            return conn.execute(query, values).fetchall()
        finally:
            conn.close()

    def class_no(self, name):
        return self.sql("SELECT no FROM ct_class WHERE tbl=?", name)[0][0]

    def load(self, *arguments):
        return run(self.citytwin, "load", *arguments, "--city", self.folder)


class Running:
    """A load beside whatever else goes on; what it says is kept as it comes."""

    def __init__(self, city, *arguments):
        self.process = subprocess.Popen([city.citytwin, "load", *map(str, arguments), "--city", city.folder],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        for line in self.process.stdout:
            self.said += line

    def is_running(self):
        return self.process.poll() is None

    def wait_for(self, words):
        wait_for(f"{words!r} said by the load", lambda: words in self.said, 30)

    def end(self):
        code = self.process.wait(120)
        self.listener.join()
        assert code == 0, f"the load ended with {code}: {self.said}"
        return self.said


class Qgis:
    """QGIS in a process of its own, with one layer open."""

    def __init__(self, store, layer):
        self.process = subprocess.Popen([DEBIAN_PYTHON, HERE / "qgis_window.py", store, layer], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()

    def do(self, verb, *arguments):
        answer = self.attempt(verb, *arguments)
        assert answer is not False, f"QGIS did not {verb} {arguments}"
        return answer

    def attempt(self, verb, *arguments):
        """The same, where QGIS may say no: its answer is then false."""
        try:
            self.process.stdin.write(json.dumps([verb, *arguments]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            self.no_qgis()
        done, answer = json.loads(line)
        assert done, f"QGIS, {verb} {arguments}: {answer}"
        return answer

    def no_qgis(self):
        said, code = self.process.stderr.read(), self.process.wait(10)
        if code == 77 and not os.environ.get("CI"):
            print(f"      skipped: {said.strip()}")
            sys.exit(0)
        raise AssertionError(f"QGIS ended with {code}: {said}")
