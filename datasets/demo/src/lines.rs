//! Lines in the plan: the middle of a street, what lies beside it, the sides of a block.

use crate::ground::Lattice;
use crate::plan::Plan;
use crate::quarter::Quarter;
use crate::streets::{Block, Edge, Node, Service, Way};

impl Quarter<'_> {
    /// A place on the edge's middle line, 0 to 1, on the lattice.
    pub fn on_edge(&self, edge: Edge, share: f64) -> Lattice {
        let (a, b) = (self.at(edge.from), self.at(edge.to()));
        Lattice::new(a.u + (b.u - a.u) * share, a.v + (b.v - a.v) * share)
    }

    /// Middle line of a street in the plan, a vertex every 15 m or so.
    pub fn middle_line(&self, edge: Edge) -> Vec<Plan> {
        let steps = self.steps(edge, 15.0);
        (0..=steps).map(|k| self.frame.ground.plan(self.on_edge(edge, f64::from(k) / f64::from(steps)))).collect()
    }

    /// Where the lines of a service meet at a node: so far left of the row's and of the column's middle.
    pub fn crossing(&self, node: Node, row_offset_m: f64, column_offset_m: f64) -> Plan {
        let at = self.at(node);
        let centre = self.frame.ground.plan(at);
        let (row, column) = (self.direction(at, Way::East), self.direction(at, Way::North));
        // d·left(row) = row offset and d·left(column) = column offset, solved for d = row·a + column·b.
        let b = row_offset_m / row.left().dot(column);
        let a = column_offset_m / column.left().dot(row);
        centre + row * a + column * b
    }

    pub fn service_node(&self, node: Node, service: Service) -> Plan {
        let (row, column) = (self.row(node.j).class, self.column(node.i).class);
        self.crossing(node, row.offset_m(service), column.offset_m(service))
    }

    /// Line of a service along an edge, from node to node.
    pub fn service_line(&self, edge: Edge, service: Service) -> Vec<Plan> {
        let offset = self.class(edge).offset_m(service);
        let [from, to] = edge.ends().map(|node| self.service_node(node, service));
        self.offset_line(edge, offset, from, to, 15.0)
    }

    /// A line beside a street's middle from one point to another, with a vertex every `step_m` or so.
    pub fn offset_line(&self, edge: Edge, offset_m: f64, from: Plan, to: Plan, step_m: f64) -> Vec<Plan> {
        let steps = self.steps(edge, step_m);
        let mut line = vec![from];
        for k in 1..steps {
            let at = self.on_edge(edge, f64::from(k) / f64::from(steps));
            let beside = self.frame.ground.plan(at) + self.direction(at, edge.way).left() * offset_m;
            // At a junction the services' own crossing points stand in for the street's.
            if beside.distance(from) > 8.0 + offset_m.abs() && beside.distance(to) > 8.0 + offset_m.abs() {
                line.push(beside);
            }
        }
        line.push(to);
        line
    }

    /// Unit direction of a row or column in the plan.
    pub fn direction(&self, at: Lattice, way: Way) -> Plan {
        let (du, dv) = match way {
            Way::East => (0.5, 0.0),
            Way::North => (0.0, 0.5),
        };
        (self.frame.ground.plan(Lattice::new(at.u + du, at.v + dv)) - self.frame.ground.plan(Lattice::new(at.u - du, at.v - dv))).unit()
    }

    /// Outline of a block, so far inside its streets' red lines; counter-clockwise, not closed.
    pub fn outline(&self, block: &Block, inside_m: f64) -> Vec<Plan> {
        let [south, east, north, west] = self.sides(block, inside_m);
        let mut ring = south;
        ring.extend(east);
        ring.extend(reversed(north));
        ring.extend(reversed(west));
        // Corners stand on two sides.
        ring.dedup_by(|a, b| a.distance(*b) < 0.01);
        ring.pop();
        ring
    }

    /// The four sides of a block: south, east, north, west, each from corner to corner along its street's direction.
    pub fn sides(&self, block: &Block, inside_m: f64) -> [Vec<Plan>; 4] {
        let Block { west, east, south, north } = *block;
        let row = |j: usize| self.row(j).class.half_m() + inside_m;
        let column = |i: usize| self.column(i).class.half_m() + inside_m;
        // Left of a row is north, left of a column is west.
        let sw = self.crossing(Node { i: west, j: south }, row(south), -column(west));
        let se = self.crossing(Node { i: east, j: south }, row(south), column(east));
        let ne = self.crossing(Node { i: east, j: north }, -row(north), column(east));
        let nw = self.crossing(Node { i: west, j: north }, -row(north), -column(west));
        let eastward =
            |j: usize, offset, from, to| self.side((west..east).map(|i| Edge { from: Node { i, j }, way: Way::East }), offset, from, to);
        let northward =
            |i: usize, offset, from, to| self.side((south..north).map(|j| Edge { from: Node { i, j }, way: Way::North }), offset, from, to);
        [
            eastward(south, row(south), sw, se),
            northward(east, column(east), se, ne),
            eastward(north, -row(north), nw, ne),
            northward(west, -column(west), sw, nw),
        ]
    }

    /// One side of a block, from corner to corner.
    fn side(&self, edges: impl Iterator<Item = Edge>, offset_m: f64, from: Plan, to: Plan) -> Vec<Plan> {
        let chord = to - from;
        let (length, ahead) = (chord.length(), chord.unit());
        let mut line = vec![from];
        for edge in edges {
            for p in self.middle_samples(edge, offset_m) {
                let passed = (p - from).dot(ahead);
                let last = line[line.len() - 1];
                if passed > 4.0 && passed < length - 4.0 && p.distance(last) > 4.0 {
                    line.push(p);
                }
            }
        }
        line.push(to);
        line
    }

    fn middle_samples(&self, edge: Edge, offset_m: f64) -> Vec<Plan> {
        let steps = self.steps(edge, 15.0);
        let at = |k| self.on_edge(edge, f64::from(k) / f64::from(steps));
        (0..=steps).map(|k| self.frame.ground.plan(at(k)) + self.direction(at(k), edge.way).left() * offset_m).collect()
    }

    fn steps(&self, edge: Edge, step_m: f64) -> u32 {
        let length = self.at(edge.from).distance(self.at(edge.to()));
        (libm::round(length / step_m) as u32).max(2)
    }
}

fn reversed(mut line: Vec<Plan>) -> Vec<Plan> {
    line.reverse();
    line
}
