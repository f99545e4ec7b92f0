//! What the parser has read, checked and turned into parts of a condition.

use super::error::Fault;
use super::expression::{Comparison, Condition, Operand};
use super::literal;
use super::path::{Collection, Path, Root};
use super::value::{Type, Value};

/// What has been read: complete, or the beginning of a path.
pub(super) enum Node {
    Condition(Condition),
    Operand(Operand),
    /// `origin` or `alert`: no value before a member is named.
    Parent(&'static str),
    Collection(Collection),
}

/// The first name of a path.
pub(super) fn root(name: &str, at: usize) -> Result<Node, Fault> {
    Root::named(name).map(node_of).map_err(|known| {
        let quoted = format!("no `{name}` here (a string is written \"{name}\"); there are: {known}");
        Fault::new(at, quoted)
    })
}

/// A name or key after a dot or in brackets. `start` is where the path begins, `at` where the name does.
pub(super) fn step(before: &Node, start: usize, name: &str, at: usize) -> Result<Node, Fault> {
    match *before {
        Node::Parent(parent) => Root::member(parent, name)
            .map(node_of)
            .map_err(|known| Fault::new(at, format!("{parent} has no `{name}`; it has: {known}"))),
        Node::Collection(map) if map.is_map() => Ok(Node::Operand(Operand::Path(Path::Entry(map, name.into())))),
        Node::Collection(list) => {
            Err(Fault::new(start, format!("{list} is a list; write \"{name}\" in {list}", list = list.as_str())))
        }
        Node::Operand(_) | Node::Condition(_) => Err(Fault::new(at, "what stands before has no members")),
    }
}

fn node_of(root: Root) -> Node {
    match root {
        Root::Member(member) => Node::Operand(Operand::Path(Path::Member(member))),
        Root::Origin => Node::Parent("origin"),
        Root::Alert => Node::Parent("alert"),
        Root::Collection(collection) => Node::Collection(collection),
    }
}

/// Something that has to be true or false.
pub(super) fn condition(node: Node, at: usize) -> Result<Condition, Fault> {
    match (node, at) {
        (Node::Condition(condition), _) => Ok(condition),
        (node, at) => match operand(node, at)? {
            Operand::Condition(condition) => Ok(*condition),
            operand if matches!(operand.type_of(), Type::Bool | Type::Any) => Ok(Condition::Is(operand)),
            operand => {
                let sentence =
                    format!("this is {}, but something true or false is needed; compare it", operand.type_of());
                Err(Fault::new(at, sentence))
            }
        },
    }
}

/// Something that has to have a value.
pub(super) fn operand(node: Node, at: usize) -> Result<Operand, Fault> {
    match node {
        Node::Condition(condition) => Ok(Operand::Condition(condition.into())),
        Node::Operand(operand) => Ok(operand),
        Node::Parent(parent) => {
            let member = if parent == "alert" { "level" } else { "task" };
            Err(Fault::new(at, format!("{parent} is no value by itself; name a member, such as {parent}.{member}")))
        }
        Node::Collection(map) if map.is_map() => Err(Fault::new(
            at,
            format!("{map} is no value by itself; name a key, such as {map}.host", map = map.as_str()),
        )),
        Node::Collection(list) => {
            Err(Fault::new(at, format!("{list} is no value by itself; write \"a\" in {list}", list = list.as_str())))
        }
    }
}

/// `size` of a text, a map or a list.
pub(super) fn size(node: Node, at: usize) -> Result<Node, Fault> {
    if let Node::Collection(collection) = node {
        return Ok(Node::Operand(Operand::SizeOf(collection)));
    }
    let text = operand(node, at)?;
    check_text(&text, at)?;
    Ok(Node::Operand(Operand::Length(text.into())))
}

/// Refuses what is certainly no string.
pub(super) fn check_text(operand: &Operand, at: usize) -> Result<(), Fault> {
    match operand.type_of() {
        Type::Text | Type::Any => Ok(()),
        other => Err(Fault::new(at, format!("this is {other}, but a string is needed"))),
    }
}

/// Refuses a comparison that could never hold.
pub(super) fn check_comparable(a: &Operand, b: &Operand, by: Comparison, at: usize) -> Result<(), Fault> {
    let (a, b) = (a.type_of(), b.type_of());
    let by_equality = matches!(by, Comparison::Equal | Comparison::NotEqual);
    if a == Type::Null || b == Type::Null {
        return if by_equality {
            Ok(())
        } else {
            Err(Fault::new(at, "null is neither less nor greater than anything"))
        };
    }
    if a.may_compare_with(b) {
        return Ok(());
    }
    let hint = match (a, b) {
        (Type::Timestamp, _) | (_, Type::Timestamp) => "; a time is written timestamp(\"2026-01-31T12:00:00Z\")",
        (Type::Duration, _) | (_, Type::Duration) => "; a duration is written duration(\"5m\")",
        _ => "",
    };
    let never = if by_equality { "are never equal" } else { "have no order" };
    Err(Fault::new(at, format!("{a} and {b} {never}{hint}")))
}

/// The value of `duration("…")`.
pub(super) fn duration(text: &str, at: usize) -> Result<Value<'static>, Fault> {
    literal::duration(text)
        .map(Value::Duration)
        .ok_or_else(|| Fault::new(at, "not a duration; it is written such as 1h30m, 1.5s, 250ms (h, m, s, ms, us, ns)"))
}

/// The value of `timestamp("…")`.
pub(super) fn timestamp(text: &str, at: usize) -> Result<Value<'static>, Fault> {
    // The library also takes a space for the T, which CEL does not.
    let time = text.parse::<jiff::Timestamp>().ok().filter(|_| text.as_bytes().get(10) == Some(&b'T'));
    let time = time.ok_or_else(|| Fault::new(at, "not a time; it is written such as 2026-01-31T12:00:00Z"))?;
    let nanoseconds = i64::try_from(time.as_nanosecond());
    nanoseconds.map(Value::Timestamp).map_err(|_| Fault::new(at, "a time before 1677 or after 2262"))
}
