//! Which handlers of a topic post its alerts to this kaptap, and what they say of them. Pure.
//!
//! A handler names kaptap by whatever leads there from Kapacitor. Where `address` says what that is, nothing else is
//! kaptap. Otherwise the port must be that of `[http] listen`, and `localhost` is us only if Kapacitor is on this
//! machine. A proxy or a mapped port makes another port of it: if no handler fits, but events of the topic do arrive,
//! the path alone decides.

use super::super::Options;
use crate::http::is_loopback;
use crate::kapacitor::api::Handler;
use hyper::Uri;

/// kaptap, as handlers of one Kapacitor may name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ourselves {
    /// Without a slash at its end.
    address: Option<String>,
    /// 0: any.
    port: u16,
    /// Whether Kapacitor is on this machine.
    local: bool,
}

/// What the handlers that post to us leave out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Nothing: one of them has no `match`, or none is listed.
    Nothing,
    /// What has the same level as before: `changed() == TRUE`.
    Repeats,
    /// It cannot be told.
    Unknown,
}

/// The handlers of a topic that post alerts to us, each with what follows `/v1/alerts` in its URL.
#[derive(Debug, Clone, PartialEq)]
pub struct ToUs<'h>(Vec<(&'h Handler, String)>);

impl Ourselves {
    /// By what is known of the Kapacitor.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let address = options.address.as_ref().map(|address| address.as_str().to_owned());
        Self { address, port: options.own_port, local: is_loopback(&options.http.url) }
    }

    /// Those of a topic's handlers that post to us. `arrived`: events of the topic have come under its name.
    #[must_use]
    pub fn among<'h>(&self, handlers: &'h [Handler], arrived: bool) -> ToUs<'h> {
        let by = |path: &dyn Fn(&str) -> Option<String>| {
            let posts = handlers.iter().filter(|handler| handler.kind == "post");
            let named = posts.filter_map(|handler| Some((handler, path(handler.options.get("url")?.as_str()?)?)));
            ToUs(named.collect())
        };
        let ours = by(&|url| self.path(url));
        if ours.0.is_empty() && arrived && self.address.is_none() {
            by(&|url| path_of(&url.parse().ok()?))
        } else {
            ours
        }
    }

    fn path(&self, url: &str) -> Option<String> {
        if let Some(address) = &self.address {
            return rest_of(url.strip_prefix(address.as_str())?.split(['?', '#']).next()?);
        }
        let uri: Uri = url.parse().ok()?;
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let is_port = self.port == 0 || uri.port_u16().unwrap_or(usual) == self.port;
        if is_port && (self.local || !is_loopback(url)) { path_of(&uri) } else { None }
    }
}

fn path_of(uri: &Uri) -> Option<String> {
    uri.scheme()?;
    rest_of(uri.path())
}

/// What follows `/v1/alerts` in a path.
fn rest_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/v1/alerts")?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
}

impl ToUs<'_> {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them names this topic, by its header or its path.
    #[must_use]
    pub fn names(&self, topic: &str) -> bool {
        let named = |(handler, path): &(&Handler, String)| {
            header(handler, "x-kapacitor-topic").or_else(|| path.strip_prefix("/topic/")) == Some(topic)
        };
        self.0.iter().any(named)
    }

    /// The task that all of them put into their header, if they agree.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        let (first, _) = self.0.first()?;
        let task = header(first, "x-kapacitor-task")?;
        self.0.iter().all(|(handler, _)| header(handler, "x-kapacitor-task") == Some(task)).then_some(task)
    }

    /// What all of them leave out.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        let mut all = self.0.iter().map(|(handler, _)| handler.matching.split_whitespace().collect::<String>());
        let Some(first) = all.next() else { return LeftOut::Nothing };
        let of_one = |matching: &str| match matching {
            "" => LeftOut::Nothing,
            "changed()" | "changed()==TRUE" | "TRUE==changed()" => LeftOut::Repeats,
            _ => LeftOut::Unknown,
        };
        all.fold(of_one(&first), |known, matching| match (known, of_one(&matching)) {
            (LeftOut::Nothing, _) | (_, LeftOut::Nothing) => LeftOut::Nothing,
            (LeftOut::Repeats, _) | (_, LeftOut::Repeats) => LeftOut::Repeats,
            (LeftOut::Unknown, LeftOut::Unknown) => LeftOut::Unknown,
        })
    }
}

/// Value of a header that a handler adds.
fn header<'h>(handler: &'h Handler, name: &str) -> Option<&'h str> {
    let headers = handler.options.get("headers")?.as_object()?;
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "handlers_tests.rs"]
pub(super) mod tests;
