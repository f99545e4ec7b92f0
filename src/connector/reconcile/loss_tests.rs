//! Tests of loss.
