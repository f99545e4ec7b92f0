//! The journal proved: any history against a model, damage against a catalogue, processes that are killed, what was
//! written by every version, and every call that can fail failing.

mod book;
mod catalogue;
mod dice;
mod disk;
mod faults;
mod forge;
mod model;
