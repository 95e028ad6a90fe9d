"""SWMM on a demo city's drains: a design storm falls on the storm drains, the evening's peak runs through the sewers.

    drains.py FILE.gpkg [--halve]

Reads the GeoPackage with plain SQL, and nothing of CityTwin's. `--halve` halves all diameters first: a city that is
broken so must fail, or the judgement is worth nothing. Each piece of land drains to the manhole that is nearest.
"""

import contextlib
import math
import os
import re
import sqlite3
import statistics
import struct
import sys
import tempfile
from pathlib import Path

from swmm.toolkit import solver

# Chicago storm of two years (GB 50014-2021 §4.1): i = A (1 + C lg P) / (t + b)^n, mm/min over t minutes; its peak at 0.4.
A, C, B, N, PERIOD, MINUTES, PEAK = 14.5, 0.533, 8.87, 0.774, 2.0, 120, 0.4
# Of the land by the streets so much is sealed.
IMPERVIOUS = 62
CELL_M, REACH_M = 12.0, 75.0
# Of the water supplied so much comes down the sewers; at the peak hour so much more than on average.
RETURNED, PEAK_FACTOR = 0.85, 1.6
CONTINUITY = 2.0
# So far a hollow reaches.
HOLLOW_M = 100.0
# A trunk takes the rain of so many manholes.
TRUNK = 60


def rows(db, query):
    db.row_factory = sqlite3.Row
    return [dict(row) for row in db.execute(query)]


def plan(blob):
    """A GeoPackage point in metres, near enough at the demo city's latitude."""
    envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]
    return metres(*struct.unpack_from("<dd", blob, 8 + envelope + 5))


def metres(lon, lat):
    return (lon - 116.0) * 111_320 * math.cos(math.radians(30.0)), (lat - 30.0) * 110_852


def rings(blob):
    """The rings of a GeoPackage polygon or of several, heights left out."""
    at = 8 + {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]

    def number():
        nonlocal at
        at += 4
        return struct.unpack_from("<I", blob, at - 4)[0]

    at += 1
    is_multi = number() % 1000 == 6
    for _ in range(number() if is_multi else 1):
        at += 5 if is_multi else 0
        for _ in range(number()):
            points = number()
            yield [metres(*struct.unpack_from("<dd", blob, at + 24 * k)) for k in range(points)]
            at += 24 * points


class Raster:
    """Which cells lie in any of some polygons."""

    def __init__(self, polygons, side):
        self.side, self.cells = side, set()
        for polygon in polygons:
            edges = [pair for ring in polygon for pair in zip(ring, ring[1:])]
            low, high = (pick(y for (_, y), _ in edges) for pick in (min, max))
            for j in range(int(low // side), int(high // side) + 1):
                y = (j + 0.5) * side
                cuts = sorted(ax + (bx - ax) * (y - ay) / (by - ay) for (ax, ay), (bx, by) in edges if (ay > y) != (by > y))
                for west, east in zip(cuts[::2], cuts[1::2]):
                    self.cells.update((i, j) for i in range(int(west // side), int(east // side) + 1) if west <= (i + 0.5) * side < east)


class Squares:
    def __init__(self, places, side):
        self.side, self.squares = side, {}
        for name, (x, y) in places.items():
            self.squares.setdefault((int(x // side), int(y // side)), []).append((x, y, name))

    def nearest(self, x, y, reach):
        i, j, n = int(x // self.side), int(y // self.side), math.ceil(reach / self.side)
        found = (item for a in range(i - n, i + n + 1) for b in range(j - n, j + n + 1) for item in self.squares.get((a, b), ()))
        best = min(((math.hypot(x - px, y - py), name) for px, py, name in found), default=(math.inf, None))
        return best[1] if best[0] <= reach else None


class Drains:
    def __init__(self, path, kind, halve):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.kind = kind
        self.pipes = rows(db, f"SELECT * FROM {kind}_pipe")
        self.manholes = {row["code"]: row for row in rows(db, f"SELECT * FROM manhole WHERE kind = '{kind}'")}
        self.outfalls = {row["code"]: row for row in rows(db, f"SELECT * FROM outfall WHERE kind = '{kind}'")}
        self.ponding = {row["code"]: plan(row["geom"]) for row in rows(db, "SELECT code, geom FROM ponding_point")}
        self.at = {code: plan(row["geom"]) for code, row in self.manholes.items()}
        # Land within the city that is no water.
        self.dry = Raster([list(rings(row["geom"])) for row in rows(db, "SELECT geom FROM district WHERE kind = 'street'")], CELL_M)
        self.dry.cells -= Raster([list(rings(row["geom"])) for row in rows(db, "SELECT geom FROM water_area")], CELL_M).cells
        self.taken = rows(db, "SELECT geom, demand_lps FROM water_node WHERE demand_lps > 0")
        if halve:
            for pipe in self.pipes:
                pipe["diameter_mm"] /= 2
        self.upstream = self.counted()

    def counted(self):
        """How many manholes drain through each."""
        down = {pipe["from_node"]: pipe["to_node"] for pipe in self.pipes}
        left = {}
        for node in down.values():
            left[node] = left.get(node, 0) + 1
        count = dict.fromkeys(self.manholes, 1)
        queue = [node for node in self.manholes if node not in left]
        while queue:
            node = queue.pop()
            onward = down.get(node)
            if onward in count:
                count[onward] += count[node]
                left[onward] -= 1
                if not left[onward]:
                    queue.append(onward)
        return count

    def land(self):
        """Square metres that drain to each manhole."""
        squares = Squares(self.at, REACH_M)
        area = {}
        for i, j in sorted(self.dry.cells):
            name = squares.nearest((i + 0.5) * CELL_M, (j + 0.5) * CELL_M, REACH_M)
            if name:
                area[name] = area.get(name, 0) + CELL_M * CELL_M
        return area

    def sewage(self):
        """L/s that runs into each manhole at the peak."""
        squares = Squares(self.at, 100.0)
        flows = {}
        for row in self.taken:
            name = squares.nearest(*plan(row["geom"]), 300.0)
            flows[name] = flows.get(name, 0) + row["demand_lps"] * RETURNED * PEAK_FACTOR
        return flows


def storm():
    """mm/h, minute by minute."""
    a = A * (1 + C * math.log10(PERIOD))

    def at(minute):
        before = PEAK * MINUTES - minute
        t = before / PEAK if before >= 0 else -before / (1 - PEAK)
        return a * ((1 - N) * t + B) / (t + B) ** (1 + N) * 60

    return [at(minute + 0.5) for minute in range(MINUTES)]


def write(drains, path):
    lines = {}

    def put(section, text):
        lines.setdefault(section, []).append(text)

    hours = 4 if drains.kind == "storm" else 6
    for text in (
        "FLOW_UNITS LPS", "INFILTRATION HORTON", "FLOW_ROUTING DYNWAVE", "LINK_OFFSETS DEPTH", "ALLOW_PONDING NO",
        "START_DATE 06/01/2026", "START_TIME 00:00:00", "END_DATE 06/01/2026", f"END_TIME 0{hours}:00:00", "REPORT_STEP 00:05:00",
        "WET_STEP 00:01:00", "DRY_STEP 00:05:00", "ROUTING_STEP 2", "SURCHARGE_METHOD SLOT", "VARIABLE_STEP 0.75", "INERTIAL_DAMPING PARTIAL", "THREADS 1",
        "MIN_SURFAREA 1.17", "MAX_TRIALS 8", "HEAD_TOLERANCE 0.0015",
    ):  # fmt: skip
        put("OPTIONS", text)
    for code, row in drains.manholes.items():
        put("JUNCTIONS", f"{code} {row['invert_m']} {row['rim_m'] - row['invert_m']:.3f} 0 0 0")
    for code, row in drains.outfalls.items():
        put("OUTFALLS", f"{code} {row['invert_m']} FREE NO")
    bottom = {code: row["invert_m"] for code, row in (drains.manholes | drains.outfalls).items()}
    for pipe in drains.pipes:
        a, b = pipe["from_node"], pipe["to_node"]
        offsets = f"{max(pipe['invert_from_m'] - bottom[a], 0):.3f} {max(pipe['invert_to_m'] - bottom[b], 0):.3f}"
        put("CONDUITS", f"{pipe['code']} {a} {b} {pipe['length_m']} {pipe['manning_n'] or 0.013} {offsets} 0 0")
        put("XSECTIONS", f"{pipe['code']} CIRCULAR {pipe['diameter_mm'] / 1000} 0 0 0")
    if drains.kind == "storm":
        put("RAINGAGES", "RG INTENSITY 0:01 1.0 TIMESERIES TS")
        for minute, rain in enumerate([*storm(), 0.0]):
            put("TIMESERIES", f"TS {minute // 60}:{minute % 60:02d} {rain:.3f}")
        for code, area in drains.land().items():
            put("SUBCATCHMENTS", f"S{code} RG {code} {area / 1e4:.4f} {IMPERVIOUS} {area / 40:.1f} 0.5 0")
            put("SUBAREAS", f"S{code} 0.014 0.15 1.5 5 25 OUTLET")
            put("INFILTRATION", f"S{code} 75 8 4 7 0")
    else:
        for code, lps in drains.sewage().items():
            put("DWF", f"{code} FLOW {lps:.4f}")
    put("REPORT", "INPUT NO\nCONTROLS NO\nNODES ALL\nLINKS ALL")
    path.write_text("".join(f"[{name}]\n" + "\n".join(body) + "\n\n" for name, body in lines.items()))


def table(report, title):
    """Rows of one of the report's tables."""
    body = report.split(f"  {title}\n", 1)
    if len(body) < 2:
        return []
    text = re.split(r"\n\s*\n\s*\n", re.sub(r"^\s*\*+\n", "", body[1]))[0]
    return [line.split() for line in text.splitlines() if re.match(r"\s+[A-Z]+-\d", line)]


@contextlib.contextmanager
def quiet():
    """The solver counts the hours on standard output."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def judge(path, kind, halve, problems):
    drains = Drains(path, kind, halve)
    with tempfile.TemporaryDirectory() as work:
        names = [str(Path(work) / name) for name in ("drains.inp", "drains.rpt", "drains.out")]
        write(drains, Path(names[0]))
        with quiet():
            solver.swmm_run(*names)
        report = Path(names[1]).read_text()
    errors = [float(x) for x in re.findall(r"Continuity Error \(%\) \.+\s+(-?[\d.]+)", report)]
    if not errors or max(abs(x) for x in errors) > CONTINUITY:
        problems.append(f"{kind}: continuity errors {errors}\n{report[:1500] if not errors else ''}")
    flooded = {row[0]: float(row[5]) for row in table(report, "Node Flooding Summary") if float(row[5]) > 0}
    # max depth over full depth; the largest flow.
    fill = {row[0]: float(row[-1]) for row in table(report, "Link Flow Summary")}
    flow = {row[0]: float(row[2]) for row in table(report, "Link Flow Summary")}
    fast = {row[0]: float(row[-3]) for row in table(report, "Link Flow Summary")}
    trunks = [pipe for pipe in drains.pipes if drains.upstream[pipe["from_node"]] >= TRUNK]
    fills = sorted(fill[pipe["code"]] for pipe in trunks)
    return drains, errors, flooded, fill, flow, fast, fills


def main():
    path, halve = sys.argv[1], "--halve" in sys.argv[2:]
    problems = []
    for kind in ("storm", "sewer"):
        drains, errors, flooded, fill, flow, fast, fills = judge(path, kind, halve, problems)
        squares = Squares(drains.ponding, 100.0)
        at_points = {code: squares.nearest(*drains.at[code], HOLLOW_M) for code in flooded}
        elsewhere = [code for code, point in at_points.items() if not point]
        wet = {point for point in at_points.values() if point}
        if elsewhere:
            problems.append(f"{kind}: {len(elsewhere)} manholes flood away from any ponding point: {sorted(elsewhere)[:5]}")
        # This storm need not reach each of them.
        if kind == "storm" and not wet:
            problems.append("storm: every ponding point stays dry")
        if kind == "sewer" and flooded:
            problems.append(f"sewer: {len(flooded)} manholes flood: {sorted(flooded)[:5]}")
        q = statistics.quantiles(fills, n=20) if len(fills) > 1 else [0] * 19
        if kind == "storm" and not (q[0] >= 0.4 and 0.5 <= q[9] <= 1.0):
            problems.append(f"storm: trunks are filled {q[0]:.2f} (p5), {q[9]:.2f} (median)")
        print(
            f"{kind}: {len(drains.manholes)} manholes, {len(drains.outfalls)} outfalls; continuity {errors} %; "
            f"{len(flooded)} flood ({sum(flooded.values()) * 1000:.0f} m³), {len(elsewhere)} away from the {len(drains.ponding)} ponding points, "
            f"{len(wet)} of which are under water; "
            f"{len(fills)} trunk pipes filled {q[0]:.2f}/{q[9]:.2f}/{q[18]:.2f} (p5, median, p95); most {max(flow.values()):.0f} L/s; "
            f"{statistics.median(fast.values()):.2f} m/s"
        )
    for problem in problems[:20]:
        print("WRONG", problem)
    return 1 if problems else 0


sys.exit(main())
