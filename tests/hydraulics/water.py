"""EPANET on a demo city's water: every zone is cut out at its closed valves, solved over a day, and judged.

    water.py FILE.gpkg [--halve] [--zones N]

Reads the GeoPackage with plain SQL, and nothing of CityTwin's. `--halve` halves all diameters first: a city that is
broken so must fail, or the judgement is worth nothing. `--zones` judges so many of the zones, by lot, and two trunk mains.
"""

import math
import random
import sqlite3
import statistics
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import epanet.toolkit as en

LEAST_M, MOST_M = 14.0, 70.0
FIRE_LPS, FIRE_M = 15.0, 10.0
HYDRANTS = 12
# What engineers expect of a distribution network: slow at the median, nowhere near 2 m/s.
P95_VELOCITY, MOST_VELOCITY, MOST_LOSS = 1.0, 1.3, 12.0
# A trunk main is meant to be quick.
TRUNK_VELOCITY, TRUNK_LOSS = 1.6, 4.0
KPA_PER_M = 9.81


def rows(db, table):
    db.row_factory = sqlite3.Row
    return [dict(row) for row in db.execute(f'SELECT * FROM "{table}"')]


class City:
    def __init__(self, path, halve):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.pipes = rows(db, "water_pipe")
        self.nodes = {row["code"]: row for row in rows(db, "water_node")}
        self.hydrants = {row["code"]: row for row in rows(db, "hydrant")}
        self.basins = {row["code"]: row for name in ("water_reservoir", "water_source") for row in rows(db, name)}
        self.pumps = [row for row in rows(db, "water_pump") if not row["standby"]]
        self.zones = {row["code"]: row for row in rows(db, "water_zone")}
        self.patterns = {row["code"]: row["points"].split() for row in rows(db, "network_curve") if row["kind"] == "pattern"}
        self.shut = {(row["pipe"], row["node"]) for row in rows(db, "water_valve") if row["position"] == "closed"}
        # A trunk main pours into a basin as much as the valve before it lets through.
        self.pours = {row["pipe"]: row["setting"] for row in rows(db, "water_valve") if row["kind"] == "fcv"}
        if halve:
            for pipe in self.pipes:
                pipe["diameter_mm"] /= 2

    def ends(self, pipe):
        """A pipe's two ends; one that is shut off is a place of its own, which leads nowhere, and so is one that pours."""
        for end in ("from_node", "to_node"):
            node = pipe[end]
            pours = pipe["code"] in self.pours and node in self.basins
            yield f"{pipe['code']}|{node}" if pours or (pipe["code"], node) in self.shut else node

    def parts(self):
        """What hangs together, each as the set of its places."""
        near = {}
        links = [tuple(self.ends(pipe)) for pipe in self.pipes] + [(pump["from_node"], pump["to_node"]) for pump in self.pumps]
        for a, b in links:
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
        left = set(near)
        while left:
            part, queue = set(), [min(left)]
            while queue:
                at = queue.pop()
                if at not in part:
                    part.add(at)
                    queue.extend(near[at])
            left -= part
            yield part


def height(blob):
    """z of a GeoPackage point: hydrants stand on the ground."""
    envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]
    wkb = blob[8 + envelope :]
    return struct.unpack_from("<d" if wkb[0] else ">d", wkb, 5 + 16)[0]


def write(city, part, path):
    """The zone as EPANET's own input. Hydrants are nodes without demand."""
    lines = {name: [] for name in ("JUNCTIONS", "RESERVOIRS", "PIPES", "PUMPS", "CURVES", "PATTERNS")}
    for place in sorted(part):
        if place in city.basins:
            lines["RESERVOIRS"].append(f"{place} {city.basins[place]['head_m']}")
            continue
        node = city.nodes.get(place, {})
        # A stub's end stands where the node stands that it is shut off from.
        pipe, _, beyond = place.rpartition("|")
        if place in city.hydrants:
            level = height(city.hydrants[place]["geom"])
        elif beyond in city.basins:
            level = city.basins[beyond]["head_m"]
        else:
            level = city.nodes[beyond]["ground_m"]
        lines["JUNCTIONS"].append(f"{place} {level} {node.get('demand_lps') or city.pours.get(pipe) or 0} {node.get('pattern') or ''}")
    pipes = []
    for pipe in city.pipes:
        a, b = city.ends(pipe)
        # Between two levels that are given there is nothing to solve.
        if a in part and not (a in city.basins and b in city.basins):
            pipes.append(pipe)
            lines["PIPES"].append(f"{pipe['code']} {a} {b} {pipe['length_m']} {pipe['diameter_mm']} {pipe['roughness']} 0 OPEN")
    for pump in (pump for pump in city.pumps if pump["to_node"] in part):
        lines["CURVES"].append(f"C{pump['code']} {pump['rated_m3h'] / 3.6} {pump['rated_head_m']}")
        lines["PUMPS"].append(f"{pump['code']} {pump['from_node']} {pump['to_node']} HEAD C{pump['code']}")
    for code, points in city.patterns.items():
        lines["PATTERNS"] += [f"{code} {' '.join(points[k : k + 6])}" for k in range(0, len(points), 6)]
    text = "".join(f"[{name}]\n" + "\n".join(body) + "\n\n" for name, body in lines.items())
    text += "[TIMES]\nDuration 23:00\nHydraulic Timestep 1:00\nPattern Timestep 1:00\n\n"
    text += "[OPTIONS]\nUnits LPS\nHeadloss H-W\nAccuracy 0.001\nTrials 200\nUnbalanced Continue 20\n\n[END]\n"
    path.write_text(text)
    return pipes


class Run:
    """A zone in EPANET."""

    def __init__(self, path):
        self.project = en.createproject()
        en.open(self.project, str(path), str(path.with_suffix(".rpt")), "")
        p = self.project
        # EPANET found something amiss: negative pressures, pumps beyond their curve, flows that do not settle.
        self.warned = False
        self.nodes = {en.getnodeid(p, k): k for k in range(1, en.getcount(p, en.NODECOUNT) + 1)}
        self.links = {en.getlinkid(p, k): k for k in range(1, en.getcount(p, en.LINKCOUNT) + 1)}

    def hours(self):
        """Solves the day; yields at every hour."""
        p = self.project
        en.openH(p)
        en.initH(p, 0)
        while True:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                time = en.runH(p)
            self.warned |= bool(caught)
            yield time // 3600
            if en.nextH(p) <= 0:
                break
        en.closeH(p)

    def node(self, name, what):
        return en.getnodevalue(self.project, self.nodes[name], what)

    def link(self, name, what):
        return en.getlinkvalue(self.project, self.links[name], what)

    def close(self):
        en.close(self.project)
        en.deleteproject(self.project)


def judge(city, zone, part, path, problems):
    def wrong(text):
        problems.append(f"{zone}: {text}")

    pipes = write(city, part, path)
    basins = [place for place in part if place in city.basins and any(pump["from_node"] == place for pump in city.pumps)]
    pours = {place for place in part if place.partition("|")[0] in city.pours}
    judged = [place for place in part if place in city.nodes or place in city.hydrants or place in pours]
    others = {city.nodes[place]["zone"] for place in judged if place in city.nodes} - {zone}
    if others:
        wrong(f"hangs together with {sorted(others)}")
    run = Run(path)
    low, high, worst_balance, velocities, losses, peak, worst = 1e9, -1e9, 0.0, [], [], (0.0, 0), (None, None)
    supplied = 0.0
    for hour in run.hours():
        asked = sum(run.node(place, en.DEMAND) for place in judged if place not in city.hydrants)
        given = -sum(run.node(basin, en.DEMAND) for basin in basins)
        supplied += given / 24
        worst_balance = max(worst_balance, abs(asked - given) / asked)
        peak = max(peak, (asked, hour))
        for place in judged:
            pressure = run.node(place, en.PRESSURE)
            if pressure < low:
                low, worst = pressure, (f"{place} at {hour} h", worst[1])
            if pressure > high:
                high, worst = pressure, (worst[0], f"{place} at {hour} h")
    for hour in run.hours():
        if hour == peak[1]:
            velocities = [run.link(pipe["code"], en.VELOCITY) for pipe in pipes]
            # EPANET gives a pipe's own loss in metres.
            losses = [run.link(pipe["code"], en.HEADLOSS) / pipe["length_m"] * 1000 for pipe in pipes]
    if not low >= LEAST_M or not high <= MOST_M:
        wrong(f"pressures from {low:.1f} m ({worst[0]}) to {high:.1f} m ({worst[1]})")
    if not worst_balance < 0.001:
        wrong(f"{worst_balance:.2%} of the water is not accounted for")
    people = city.zones[zone]["residents"]
    head = supplied * 86400 / people if people else 0
    if people > 500 and not 150 <= head <= 350:
        wrong(f"{head:.0f} L per head and day")
    moving = sorted(v for v in velocities if v > 1e-4)
    p95 = moving[int(len(moving) * 0.95)]
    if not (moving[-1] <= TRUNK_VELOCITY if pours else p95 <= P95_VELOCITY and moving[-1] <= MOST_VELOCITY):
        wrong(f"velocities reach {p95:.2f} m/s at p95 and {moving[-1]:.2f} m/s at most")
    if not max(losses) <= (TRUNK_LOSS if pours else MOST_LOSS):
        wrong(f"a pipe loses {max(losses):.1f} m per km")
    # Fires, at the peak hour: those with least head, and some by lot.
    hydrants = sorted(place for place in part if place in city.hydrants)
    by_head = sorted(hydrants, key=lambda place: city.hydrants[place]["pressure_kpa"])
    tried = by_head[: HYDRANTS // 2] + random.Random(zone).sample(hydrants, min(len(hydrants), HYDRANTS // 2))
    fires = []
    for place in tried:
        en.setbasedemand(run.project, run.nodes[place], 1, FIRE_LPS)
        fires += [run.node(place, en.PRESSURE) for hour in run.hours() if hour == peak[1]]
        if fires[-1] < FIRE_M:
            wrong(f"{place} has {fires[-1]:.1f} m left at {FIRE_LPS:.0f} L/s")
        en.setbasedemand(run.project, run.nodes[place], 1, 0)
    # What the city says of itself, at mean demand.
    for k in range(1, en.getcount(run.project, en.PATCOUNT) + 1):
        for step in range(1, en.getpatternlen(run.project, k) + 1):
            en.setpatternvalue(run.project, k, step, 1.0)
    off = 0.0
    for _ in run.hours():
        for pipe in pipes:
            a, b = (run.node(end, en.PRESSURE) for end in city.ends(pipe) if end not in city.basins)
            # What pours stands lower than the main; the pipe is as the main is.
            ours, theirs = pipe["pressure_kpa"], (a if pipe["code"] in city.pours else (a + b) / 2) * KPA_PER_M
            off = max(off, min(abs(ours - theirs), 10 * abs(ours - theirs) / (0.03 * theirs)))
        for place in hydrants:
            ours, theirs = city.hydrants[place]["pressure_kpa"], run.node(place, en.PRESSURE) * KPA_PER_M
            off = max(off, abs(ours - theirs))
        break
    if not off <= 10:
        wrong(f"a pressure of ours is {off:.1f} kPa off")
    if run.warned:
        wrong("EPANET warns of this network")
    run.close()
    print(
        f"{zone}: {len(judged)} nodes, {len(pipes)} pipes, {people} residents; {low:.1f} to {high:.1f} m; "
        f"{statistics.median(moving):.2f}/{p95:.2f}/{moving[-1]:.2f} m/s; {statistics.median(losses):.2f}/{max(losses):.1f} m/km; "
        f"{head:.0f} L/(head·d), DN{max(pipe['diameter_mm'] for pipe in pipes):.0f}, {supplied:.1f} L/s mean, {peak[0]:.1f} at {peak[1]} h; balance {worst_balance:.1e}; "
        f"fire: least {min(fires, default=math.nan):.1f} m of {len(fires)}; ours {off:.2f} kPa off"
    )
    return {"v": moving, "loss": losses, "low": low, "high": high, "fire": min(fires, default=math.inf), "off": off, "head": (0 if pours else supplied, people)}


def main():
    path, halve = sys.argv[1], "--halve" in sys.argv[2:]
    city = City(path, halve)
    problems, results, seen = [], [], set()
    wanted = set(city.zones)
    if "--zones" in sys.argv:
        wanted = set(random.Random(1).sample(sorted(wanted), int(sys.argv[sys.argv.index("--zones") + 1])))
        # Two trunk mains among them.
        wanted |= set(sorted(code for code, zone in city.zones.items() if not zone["residents"])[:2])
    with tempfile.TemporaryDirectory() as work:
        for part in city.parts():
            zones = {city.nodes[place]["zone"] for place in part if place in city.nodes}
            pumped = any(pump["to_node"] in part for pump in city.pumps)
            if not pumped:
                problems.append(f"{sorted(part)[:3]} and {len(part)} places in all have no pump")
                continue
            zone = min(zones)
            seen.add(zone)
            if zone not in wanted:
                continue
            results.append(judge(city, zone, part, Path(work) / "zone.inp", problems))
    if seen != set(city.zones):
        problems.append(f"{sorted(set(city.zones) - seen)} have no network")
    v, loss = sorted(v for r in results for v in r["v"]), sorted(x for r in results for x in r["loss"])
    lps, people = (sum(r["head"][k] for r in results) for k in (0, 1))
    print(
        f"{path}: {len(results)} zones; pressure {min(r['low'] for r in results):.1f} to {max(r['high'] for r in results):.1f} m; "
        f"velocity {statistics.median(v):.2f}, p95 {v[int(len(v) * 0.95)]:.2f}, most {v[-1]:.2f} m/s; "
        f"loss {statistics.median(loss):.2f}, p95 {loss[int(len(loss) * 0.95)]:.2f}, most {loss[-1]:.2f} m/km; "
        f"{lps * 86400 / people:.0f} L/(head·d) for {people}; fire least {min(r['fire'] for r in results):.1f} m; "
        f"ours within {max(r['off'] for r in results):.2f} kPa"
    )
    for problem in problems[:20]:
        print("WRONG", problem)
    return 1 if problems else 0


sys.exit(main())
