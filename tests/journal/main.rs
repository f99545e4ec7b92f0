//! The journal from outside: what goes in comes out, whatever the disk does.

mod append;
mod damage;
mod faults;
mod inspect;
mod model;
mod support;
