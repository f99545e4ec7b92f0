//! What can be odd about a record that came over UDF: the closed set of marks.

/// Begin while a batch was open. The open one is kept as it is so far, [`CUT_SHORT`]; this one is kept by itself.
pub const BEGIN_INSIDE_BATCH: &str = "begin_inside_batch";
/// The batch's End never came: the input ended, or another Begin came.
pub const CUT_SHORT: &str = "cut_short";
/// End while no batch was open.
pub const END_WITHOUT_BEGIN: &str = "end_without_begin";
/// Point on a batch connection while no batch was open.
pub const POINT_OUTSIDE_BATCH: &str = "point_outside_batch";
/// Begin whose size is below 0 or above [`MAX_SIZE`](super::MAX_SIZE): Kapacitor would not survive its return.
pub const BAD_SIZE: &str = "bad_size";
/// More or fewer points than Begin said.
pub const SIZE_MISMATCH: &str = "size_mismatch";
/// Begin whose fields cannot be told apart, so that its size is not known.
pub const BAD_BEGIN: &str = "bad_begin";
/// Begin or End on a stream connection.
pub const BATCH_ON_STREAM: &str = "batch_on_stream";
/// Neither data nor a request: no message at all, or only fields that are not known.
pub const NO_MESSAGE: &str = "no_message";
/// Not of the schema, and not one field that would say what it was meant to be.
pub const MALFORMED: &str = "malformed";
/// A request, by its one field, whose body is not of the schema. It was answered.
pub const MALFORMED_REQUEST: &str = "malformed_request";
/// A data frame that Kapacitor would read as something else if it went back.
pub const AMBIGUOUS: &str = "ambiguous";
/// More than one field and too long to be looked into; see [`MAX_TYPED`](super::MAX_TYPED).
pub const TOO_LONG: &str = "too_long";
/// The bytes at the end of input that are no whole frame.
pub const HALF_FRAME: &str = "half_frame";

/// All of them.
pub const ALL: &[&str] = &[
    BEGIN_INSIDE_BATCH,
    CUT_SHORT,
    END_WITHOUT_BEGIN,
    POINT_OUTSIDE_BATCH,
    BAD_SIZE,
    SIZE_MISMATCH,
    BAD_BEGIN,
    BATCH_ON_STREAM,
    NO_MESSAGE,
    MALFORMED,
    MALFORMED_REQUEST,
    AMBIGUOUS,
    TOO_LONG,
    HALF_FRAME,
];
