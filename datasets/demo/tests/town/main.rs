//! Is the demo city a city that an engineer would accept? An oracle apart from the generator: it sees only what the sink
//! saw, through the model's own frame.

mod buildings;
mod catalogue;
mod clearances;
mod drainage;
mod ground;
mod mains;
mod quarters;
mod sameness;
mod sensors;
mod town;
