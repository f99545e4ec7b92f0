//! A rehearsal Kapacitor: speaks the real protocol with Kapacitor's habits, for the demo and the tests.
