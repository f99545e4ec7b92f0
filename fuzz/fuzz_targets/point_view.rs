#![no_main]
//! The borrowed view of a point accepts, refuses and finds what the generated decoder does; any run of frames is read
//! without a panic.

#[path = "../../tests/bodies_support/mod.rs"]
mod bodies_support;

use kaptap::kapacitor::batch::BatchView;
use kaptap::kapacitor::point::PointView;
use kaptap::kapacitor::proto::{Request, request};
use prost::Message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let view = PointView::of_frame(data);
    match Request::decode(data) {
        Ok(Request { message: Some(request::Message::Point(point)) }) => {
            // By their text, because NaN differs from itself.
            let view = view.expect("the generated decoder takes this point");
            assert_eq!(format!("{view:?}"), format!("{:?}", bodies_support::point(&point)));
        }
        Ok(_) => assert!(view.is_err()),
        // Text that is not UTF-8 is refused by the one and kept by the other.
        Err(error) if error.to_string().contains("UTF-8") => {}
        Err(_) => assert!(view.is_err()),
    }
    drop(BatchView::of_frames(data));
});
