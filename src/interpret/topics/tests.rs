//! Tests of the topics.
