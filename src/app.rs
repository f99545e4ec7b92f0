//! Binds, recovers, wires the parts together, and stops them in two stages.
