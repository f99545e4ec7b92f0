//! Tests of absent.
