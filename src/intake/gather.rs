//! The thread that serves all UDF connections, and lets small writes pile up while data flows.
//!
//! Kapacitor writes each frame with two small writes and shares our CPU: read after each write, both sides spend
//! their time in the kernel. So whenever everything that arrived has been handled and data is flowing in small gulps, the thread
//! sleeps for the gather time before it asks for more; Kapacitor itself gets faster by it. When no data flows the
//! thread waits for the next byte at once, so that a first frame or a control message is never delayed.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Raised by connections that got data; lowered by the pause.
#[derive(Debug, Clone, Default)]
pub struct Flowing(Arc<AtomicBool>);

impl Flowing {
    /// Says that data arrived, and whether more is worth waiting for.
    pub fn raise_if(&self, worth: bool) {
        if worth {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Starts the thread with its own runtime and runs `serve` on it.
///
/// # Errors
/// When the thread or its runtime cannot be created.
pub fn start<F>(
    gather: Duration,
    serve: impl FnOnce(Flowing) -> F + Send + 'static,
) -> io::Result<JoinHandle<F::Output>>
where
    F: Future<Output: Send + 'static> + 'static,
{
    let flowing = Flowing::default();
    let raised = flowing.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            // Parking means that nothing is ready: all sockets have been read empty.
            if raised.0.swap(false, Ordering::Relaxed) && !gather.is_zero() {
                std::thread::sleep(gather);
            }
        })
        .build()?;
    std::thread::Builder::new().name("kaptap-udf".to_owned()).spawn(move || runtime.block_on(serve(flowing)))
}
