//! Options of the parts of a kaptap, for tests that put some of them together without the rest.

use kaptap::intake;
use kaptap::journal::{self, Sync};
use std::path::Path;
use std::time::Duration;

/// A journal in this directory.
pub(crate) fn journal_options(directory: &Path) -> journal::Options {
    journal::Options {
        directory: directory.join("journal"),
        segment_bytes: 64 << 20,
        max_bytes: 1 << 30,
        max_age: None,
        buffer_bytes: 32 << 20,
        sync_interval: Duration::from_millis(50),
        compression: false,
    }
}

/// An intake with its sockets in this directory. Nobody waits for a sync.
pub(crate) fn intake_options(directory: &Path) -> intake::Options {
    intake::Options {
        scope: "test".to_owned(),
        sync_alert: Sync::Os,
        sync_row: Sync::Os,
        sync_point: Sync::Os,
        sync_batch: Sync::Os,
        http_hold: Duration::from_mins(1),
        max_body: 1 << 20,
        stream_socket: directory.join("stream.sock"),
        batch_socket: directory.join("batch.sock"),
        mode: 0o660,
        group: None,
        udf_hold: None,
        gather: Duration::ZERO,
        max_frame: 1 << 20,
        keep: true,
        wire: kaptap::wire::Options::default(),
    }
}
