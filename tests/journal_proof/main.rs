//! The journal proved: any history against a model, damage against a catalogue, processes that are killed, what was
//! written by every format, and every call to the disk that can fail.

mod book;
mod catalogue;
mod dice;
mod disk;
mod faults;
mod fixture;
mod forge;
mod kill;
mod model;
