//! Which tiles to hold: walks the quadtrees, asks for what is missing, drops what is not needed.
//!
//! No clock, no socket, no thread: the caller brings the view and the time, carries out the [`Action`]s and reports
//! what came ([`Stream::arrived`]). So a test can be slow, lossy and out of order without waiting for anything.

use crate::subtree::Subtree;
use crate::tileset::{Cell, Group, Tileset};
use crate::view::{Aabb, View};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// A tile is refined while its error is larger than so many pixels.
    pub error_px: f64,
    pub in_flight: usize,
    /// Tiles are dropped above this, and when that does not help, far ones are no longer asked for.
    pub budget_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { error_px: 16.0, in_flight: 8, budget_bytes: 512 << 20 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileKey {
    /// Index into [`Stream::groups`].
    pub group: u16,
    pub cell: Cell,
}

pub type RequestId = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    Tileset(u16),
    Subtree(TileKey),
    Content(TileKey),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Fetch { id: RequestId, url: String, what: What },
    Cancel { id: RequestId },
    Remove { tile: TileKey },
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Boxed, since the other answers are small.
    Tileset(Box<Tileset>),
    Subtree(Subtree),
    /// The tile is decoded and can be drawn; it holds so much memory, here and on the graphics card.
    Content {
        bytes: usize,
    },
    /// There is none, and asking again is of no use.
    Nothing,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Load {
    #[default]
    Idle,
    Waiting {
        until_ms: u64,
        tries: u32,
    },
    InFlight {
        id: RequestId,
        tries: u32,
    },
    Ready,
    Nothing,
}

#[derive(Clone, Copy, Debug, Default)]
struct Content {
    load: Load,
    bytes: usize,
    seen: u64,
    /// Loaded, and edited since: drawn until the new one is here.
    stale: bool,
}

#[derive(Clone, Copy, Debug)]
struct Tile {
    content: bool,
    bounds: Option<Aabb>,
}

#[derive(Debug)]
struct GroupState {
    group: Group,
    /// Cells smaller than this on the screen are left out; `None`: the group cannot be seen.
    smallest_px: Option<f64>,
    tiles: HashMap<Cell, Tile>,
    subtrees: HashMap<Cell, Content>,
    contents: HashMap<Cell, Content>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub drawn: usize,
    pub loaded: usize,
    pub loaded_bytes: usize,
    pub in_flight: usize,
    pub wanted: usize,
    /// Failed, and to be tried again in a while.
    pub waiting: usize,
    /// Tiles that could not be had after several tries.
    pub failing: usize,
}

#[derive(Debug)]
pub struct Stream {
    config: Config,
    tilesets: Vec<(String, Content)>,
    groups: Vec<GroupState>,
    choice: HashMap<String, f64>,
    /// Raises what counts as too small to load, until everything fits the budget.
    pressure: f64,
    frame: u64,
    next_id: RequestId,
    in_flight: HashMap<RequestId, (What, u64)>,
    drawn: Vec<TileKey>,
    statistics: Statistics,
    pub transform: Option<[f64; 16]>,
}

/// So many updates an unwanted request may go on, so that a nod of the camera does not throw away what is nearly here.
const PATIENCE: u64 = 3;
const FIRST_RETRY_MS: u64 = 500;
const LAST_RETRY_MS: u64 = 30_000;
/// After so many tries a tile counts as failing: a picture no longer waits for it.
const TRIES: u32 = 4;

impl Stream {
    pub fn new(root_url: &str, config: Config) -> Self {
        Self {
            config,
            tilesets: vec![(root_url.to_owned(), Content::default())],
            groups: Vec::new(),
            choice: HashMap::new(),
            pressure: 1.0,
            frame: 0,
            next_id: 1,
            in_flight: HashMap::new(),
            drawn: Vec::new(),
            statistics: Statistics::default(),
            transform: None,
        }
    }

    pub fn group(&self, no: u16) -> &Group {
        &self.groups[usize::from(no)].group
    }

    /// Which groups can be seen, and how many pixels a cell must have to be worth loading. Others are neither loaded nor drawn.
    pub fn choose(&mut self, groups: impl IntoIterator<Item = (String, f64)>) {
        self.choice = groups.into_iter().collect();
        for state in &mut self.groups {
            state.smallest_px = self.choice.get(&state.group.id).copied();
        }
    }

    /// Tiles to draw, as of the last update.
    pub fn drawn(&self) -> &[TileKey] {
        &self.drawn
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Everything that the view wants is here (or cannot be had).
    pub fn settled(&self) -> bool {
        self.frame > 0
            && self.statistics.wanted == 0
            && self.statistics.waiting == 0
            && self.statistics.in_flight == 0
            && !self.groups.is_empty()
    }

    /// The best box known of a tile.
    pub fn bounds(&self, tile: TileKey) -> Aabb {
        self.groups[usize::from(tile.group)].bounds(tile.cell)
    }

    /// Features were edited within `area` (plan): what shows it is asked for again.
    pub fn invalidate(&mut self, area: &Aabb) {
        for state in &mut self.groups {
            let group = &state.group;
            for (cell, content) in state.subtrees.iter_mut().chain(state.contents.iter_mut()) {
                let known = state.tiles.get(cell).and_then(|tile| tile.bounds);
                if known.unwrap_or_else(|| group.cell_box(*cell)).overlaps_plan(area) || group.cell_box(*cell).overlaps_plan(area) {
                    match content.load {
                        Load::Ready => content.stale = true,
                        Load::Nothing => content.load = Load::Idle,
                        // The bytes under way may be the old ones: asked again once they are here.
                        Load::InFlight { .. } => content.stale = true,
                        Load::Idle | Load::Waiting { .. } => {}
                    }
                }
            }
        }
    }

    /// One look. Call it when the view moved or something arrived.
    pub fn update(&mut self, view: &View, now_ms: u64) -> Vec<Action> {
        self.frame += 1;
        let mut plan = Plan { now_ms, ..Plan::default() };
        for (no, (_, load)) in self.tilesets.iter().enumerate() {
            plan.want(What::Tileset(no as u16), load, 0.0);
        }
        for (no, state) in self.groups.iter().enumerate() {
            if let Some(smallest_px) = state.smallest_px {
                let rules = Rules { view, error_px: self.config.error_px * self.pressure, smallest_px: smallest_px * self.pressure };
                state.visit(no as u16, Cell::ROOT, &rules, &mut plan);
            }
        }
        for key in &plan.draw {
            if let Some(content) = self.groups[usize::from(key.group)].contents.get_mut(&key.cell) {
                content.seen = self.frame;
            }
        }
        self.drawn = plan.draw;

        let mut actions = Vec::new();
        self.drop_unneeded(&mut actions);
        self.cancel_unwanted(&plan.busy, &mut actions);
        plan.wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let free = self.config.in_flight.saturating_sub(self.in_flight.len());
        for (_, what, tries) in plan.wanted.iter().take(free) {
            let id = self.next_id;
            self.next_id += 1;
            self.in_flight.insert(id, (*what, self.frame));
            let url = self.url(*what);
            *self.load_mut(*what) = Load::InFlight { id, tries: *tries };
            actions.push(Action::Fetch { id, url, what: *what });
        }
        self.count(plan.wanted.len().saturating_sub(free), plan.waiting, plan.failing);
        actions
    }

    /// The end of a request. One that was cancelled, or that nobody asked for, changes nothing.
    pub fn arrived(&mut self, id: RequestId, reply: Reply, now_ms: u64) {
        let Some((what, _)) = self.in_flight.remove(&id) else { return };
        let content = self.content_mut(what);
        let tries = match content.load {
            Load::InFlight { tries, .. } => tries + 1,
            _ => 1,
        };
        // `stale` while under way: edited after it was asked for, so it is asked for again.
        let was_loaded = content.bytes > 0;
        content.load = match &reply {
            Reply::Failed if was_loaded => {
                content.stale = true;
                Load::Ready
            }
            Reply::Failed => Load::Waiting { until_ms: now_ms + (FIRST_RETRY_MS << tries.min(16)).min(LAST_RETRY_MS), tries },
            Reply::Nothing => Load::Nothing,
            Reply::Content { .. } | Reply::Subtree(_) | Reply::Tileset(_) => Load::Ready,
        };
        match (what, reply) {
            (What::Content(_), Reply::Content { bytes }) => self.content_mut(what).bytes = bytes.max(1),
            (What::Content(_), Reply::Nothing) => self.content_mut(what).bytes = 0,
            (What::Subtree(key), Reply::Subtree(subtree)) => self.groups[usize::from(key.group)].learn(key.cell, subtree),
            (What::Tileset(_), Reply::Tileset(tileset)) => {
                self.transform = self.transform.or(tileset.transform);
                self.tilesets.extend(tileset.tilesets.into_iter().map(|url| (url, Content::default())));
                for group in tileset.groups {
                    self.groups.push(GroupState {
                        smallest_px: self.choice.get(&group.id).copied(),
                        group,
                        tiles: HashMap::new(),
                        subtrees: HashMap::new(),
                        contents: HashMap::new(),
                    });
                }
            }
            _ => {}
        }
    }

    fn drop_unneeded(&mut self, actions: &mut Vec<Action>) {
        let needed: HashSet<TileKey> = self.drawn.iter().copied().collect();
        let mut held: usize = self.groups.iter().flat_map(|g| g.contents.values()).map(|c| c.bytes).sum();
        let mut rest: Vec<(u64, TileKey, usize)> = Vec::new();
        for (no, state) in self.groups.iter().enumerate() {
            for (cell, content) in &state.contents {
                let tile = TileKey { group: no as u16, cell: *cell };
                // Edited away: nothing is there any more, and what is still held would be drawn no longer.
                if content.load == Load::Ready && !needed.contains(&tile) {
                    rest.push((content.seen, tile, content.bytes));
                }
            }
        }
        rest.sort_unstable_by_key(|(seen, tile, _)| (*seen, *tile));
        for (_, tile, bytes) in rest {
            if held <= self.config.budget_bytes {
                break;
            }
            held -= bytes;
            self.groups[usize::from(tile.group)].contents.insert(tile.cell, Content::default());
            actions.push(Action::Remove { tile });
        }
        // What is drawn alone is too much: ask for less. Relieved slowly, and only when there is room, so that it does not swing.
        if held > self.config.budget_bytes {
            self.pressure = (self.pressure * 1.25).min(1e6);
        } else if self.pressure > 1.0 && held < self.config.budget_bytes * 7 / 10 && self.in_flight.is_empty() {
            self.pressure = (self.pressure / 1.1).max(1.0);
        }
    }

    fn cancel_unwanted(&mut self, busy: &HashSet<What>, actions: &mut Vec<Action>) {
        let mut gone = Vec::new();
        for (id, (what, seen)) in &mut self.in_flight {
            if busy.contains(what) {
                *seen = self.frame;
            } else if self.frame - *seen > PATIENCE {
                gone.push((*id, *what));
            }
        }
        gone.sort_unstable();
        for (id, what) in gone {
            self.in_flight.remove(&id);
            let content = self.content_mut(what);
            content.load = if content.bytes > 0 { Load::Ready } else { Load::Idle };
            content.stale |= content.bytes > 0;
            actions.push(Action::Cancel { id });
        }
    }

    fn count(&mut self, wanted: usize, waiting: usize, failing: usize) {
        let contents = || self.groups.iter().flat_map(|g| g.contents.values());
        self.statistics = Statistics {
            drawn: self.drawn.len(),
            loaded: contents().filter(|c| c.bytes > 0).count(),
            loaded_bytes: contents().map(|c| c.bytes).sum(),
            in_flight: self.in_flight.len(),
            wanted,
            waiting,
            failing,
        };
    }

    fn url(&self, what: What) -> String {
        match what {
            What::Tileset(no) => self.tilesets[usize::from(no)].0.clone(),
            What::Subtree(key) => self.group(key.group).subtree_url(key.cell),
            What::Content(key) => self.group(key.group).content_url(key.cell).unwrap_or_default(),
        }
    }

    fn content_mut(&mut self, what: What) -> &mut Content {
        match what {
            What::Tileset(no) => &mut self.tilesets[usize::from(no)].1,
            What::Subtree(key) => self.groups[usize::from(key.group)].subtrees.entry(key.cell).or_default(),
            What::Content(key) => self.groups[usize::from(key.group)].contents.entry(key.cell).or_default(),
        }
    }

    fn load_mut(&mut self, what: What) -> &mut Load {
        let content = self.content_mut(what);
        content.stale = false;
        &mut content.load
    }
}

struct Rules<'a> {
    view: &'a View,
    error_px: f64,
    smallest_px: f64,
}

#[derive(Default)]
struct Plan {
    now_ms: u64,
    draw: Vec<TileKey>,
    wanted: Vec<(f64, What, u32)>,
    /// Under way and still wanted.
    busy: HashSet<What>,
    waiting: usize,
    failing: usize,
}

impl Plan {
    fn want(&mut self, what: What, content: &Content, urgency: f64) {
        match content.load {
            Load::Idle => self.wanted.push((urgency, what, 0)),
            Load::Ready if content.stale => self.wanted.push((urgency, what, 0)),
            Load::Waiting { until_ms, tries } if until_ms <= self.now_ms => self.wanted.push((urgency, what, tries)),
            Load::Waiting { tries, .. } if tries >= TRIES => self.failing += 1,
            Load::Waiting { .. } => self.waiting += 1,
            Load::InFlight { .. } => _ = self.busy.insert(what),
            Load::Ready | Load::Nothing => {}
        }
    }
}

impl GroupState {
    fn bounds(&self, cell: Cell) -> Aabb {
        self.tiles.get(&cell).and_then(|tile| tile.bounds).unwrap_or_else(|| self.group.cell_box(cell))
    }

    /// Returns whether everything seen of the cell is drawn.
    fn visit(&self, group: u16, cell: Cell, rules: &Rules, plan: &mut Plan) -> bool {
        let key = TileKey { group, cell };
        let bounds = self.bounds(cell);
        let side = bounds_side(&self.group, cell.level);
        if !rules.view.may_see(&bounds) || rules.view.pixels(side, &bounds) < rules.smallest_px {
            return true;
        }
        let urgency = rules.view.urgency(&bounds);
        let root = cell.subtree_root(self.group.subtree_levels);
        if root == cell {
            let subtree = self.subtrees.get(&cell).copied().unwrap_or_default();
            // The shape of the tree comes before what hangs on it.
            plan.want(What::Subtree(key), &subtree, urgency / 10.0);
            if subtree.load == Load::Nothing {
                return true;
            }
        }
        let Some(tile) = self.tiles.get(&cell) else {
            return !self.is_unknown(root);
        };
        let content = tile.content.then(|| self.contents.get(&cell).copied().unwrap_or_default());
        let fine_enough = content.is_some() && rules.view.pixels(self.group.error_at(cell.level), &bounds) <= rules.error_px;
        let before = plan.draw.len();
        let mut below = false;
        let mut complete = true;
        if !fine_enough && cell.level + 1 < self.group.available_levels {
            for child in cell.children() {
                let known = self.tiles.contains_key(&child);
                let next_subtree = child.subtree_root(self.group.subtree_levels) == child && self.subtrees.contains_key(&child);
                if known || next_subtree {
                    below = true;
                    complete &= self.visit(group, child, rules, plan);
                }
            }
        }
        let Some(content) = content else { return complete };
        if !below || !complete {
            // What stands in for four children is worth more than one of them.
            plan.want(What::Content(key), &content, if below { urgency / 2.0 } else { urgency });
            if content.bytes > 0 {
                // Stands in for what is missing below, so that no hole opens.
                plan.draw.truncate(before);
                plan.draw.push(key);
                return true;
            }
            return content.load == Load::Nothing && complete;
        }
        true
    }

    fn is_unknown(&self, root: Cell) -> bool {
        !matches!(self.subtrees.get(&root).map(|s| s.load), Some(Load::Ready | Load::Nothing))
    }

    /// Takes a subtree's word for all its cells: what it no longer names has no content any more.
    fn learn(&mut self, root: Cell, subtree: Subtree) {
        let levels = self.group.subtree_levels;
        self.tiles.retain(|cell, _| cell.subtree_root(levels) != root);
        for known in subtree.tiles {
            self.tiles.insert(known.cell, Tile { content: known.content, bounds: known.bounds });
        }
        for child in subtree.children {
            self.subtrees.entry(child).or_default();
        }
    }
}

fn bounds_side(group: &Group, level: u32) -> f64 {
    (group.root.max[0] - group.root.min[0]) / f64::from(1u32 << level.min(31))
}

#[cfg(test)]
mod tests;
