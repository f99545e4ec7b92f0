//! Configuration: file and environment to validated options.
