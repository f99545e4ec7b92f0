//! The generated decoder's messages as the views that they should equal. Shared with the fuzz target.

use kaptap::kapacitor::batch::{BeginView, EndView};
use kaptap::kapacitor::point::{FieldValue, PointView, Text};
use kaptap::kapacitor::proto;
use std::collections::BTreeMap;

/// The view of a decoded point.
pub(crate) fn point(point: &proto::Point) -> PointView<'_> {
    // Kapacitor reads the typed maps in this order, and the last value of a key stays.
    let mut fields = BTreeMap::new();
    fields.extend(point.fields_string.iter().map(|(k, v)| (k.as_str(), FieldValue::Text(v.into()))));
    fields.extend(point.fields_int.iter().map(|(k, v)| (k.as_str(), FieldValue::Int(*v))));
    fields.extend(point.fields_double.iter().map(|(k, v)| (k.as_str(), FieldValue::Float(*v))));
    fields.extend(point.fields_bool.iter().map(|(k, v)| (k.as_str(), FieldValue::Bool(*v))));
    PointView {
        time: point.time,
        name: (&point.name).into(),
        database: (&point.database).into(),
        retention_policy: (&point.retention_policy).into(),
        group: (&point.group).into(),
        dimensions: point.dimensions.iter().map(Text::from).collect(),
        by_name: point.by_name,
        tags: tags(&point.tags),
        fields: fields.into_iter().map(|(k, v)| (k.into(), v)).collect(),
    }
}

/// The view of a decoded begin.
#[allow(dead_code, reason = "not every user of this module compares batches")]
pub(crate) fn begin(begin: &proto::BeginBatch) -> BeginView<'_> {
    BeginView {
        name: (&begin.name).into(),
        group: (&begin.group).into(),
        tags: tags(&begin.tags),
        size: begin.size,
        by_name: begin.by_name,
    }
}

/// The view of a decoded end.
#[allow(dead_code, reason = "not every user of this module compares batches")]
pub(crate) fn end(end: &proto::EndBatch) -> EndView<'_> {
    EndView { name: (&end.name).into(), group: (&end.group).into(), tmax: end.tmax, tags: tags(&end.tags) }
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<(Text<'_>, Text<'_>)> {
    tags.iter().map(|(k, v)| (k.into(), v.into())).collect()
}
