//! The closed sets of words that all rooms share: one word per idea, spelled the same in code, events and documents.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word, as it stands in events, metrics and documents.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The number kept in the journal. Never changed, never given again.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The word of a number kept in the journal.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// Reads the word, exactly.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The way by which something came in.
    Lane {
        /// A UDF connection: a socket, or a child process on stdin and stdout.
        Udf = 1 "udf",
        /// An alert posted over HTTP.
        Post = 2 "post",
        /// Rows posted over HTTP.
        Row = 3 "row",
        /// An alert over TCP.
        Tcp = 4 "tcp",
        /// An alert from an exec handler, by `kaptap send`.
        Exec = 5 "exec",
        /// Learned by asking the HTTP API of Kapacitor.
        Poll = 6 "poll",
        /// Said by kaptap itself.
        Own = 7 "self",
    }
}

words! {
    /// What an event is about.
    Kind {
        /// One transition or repetition of an alert.
        Alert = 1 "alert",
        /// One point of a stream.
        Point = 2 "point",
        /// A batch, or a part of one.
        Batch = 3 "batch",
        /// Rows that `|httpPost()` sent.
        Row = 4 "row",
        /// Something that kaptap has to say: a gap, a refused frame, a stream begun anew.
        System = 5 "system",
        /// Kept, not understood.
        Opaque = 6 "opaque",
    }
}

words! {
    /// What Kapacitor says of how bad it is, in order.
    Level {
        /// All well, or well again.
        Ok = 0 "OK",
        /// Worth knowing.
        Info = 1 "INFO",
        /// Worth looking at.
        Warning = 2 "WARNING",
        /// Worth waking somebody.
        Critical = 3 "CRITICAL",
    }
}

words! {
    /// Whether an alert is on now.
    State {
        /// The level is not OK.
        Firing = 1 "firing",
        /// The level is OK.
        Resolved = 2 "resolved",
    }
}

words! {
    /// What an alert event changed, by our own state and not by what Kapacitor says of the level before.
    Transition {
        /// First time seen not OK.
        Opened = 1 "opened",
        /// A higher level than before.
        Escalated = 2 "escalated",
        /// A lower level than before, still not OK.
        Deescalated = 3 "deescalated",
        /// The same level again.
        Repeated = 4 "repeated",
        /// OK after not OK.
        Resolved = 5 "resolved",
        /// The same level again after a restart of Kapacitor or kaptap.
        Reaffirmed = 6 "reaffirmed",
        /// OK for an alert never seen firing.
        OrphanResolved = 7 "orphan_resolved",
        /// Older than what is known; state unchanged.
        Late = 8 "late",
        /// Kapacitor does not know it any more.
        Expired = 9 "expired",
    }
}

words! {
    /// How a part of the origin was learned.
    How {
        /// Said by Init on the UDF connection.
        Init = 1 "init",
        /// Said by an HTTP header.
        Header = 2 "header",
        /// Said by the URL path.
        Path = 3 "path",
        /// Found in the alert's default details.
        Details = 4 "details",
        /// Said by an option in the `TICKscript`.
        Option = 5 "option",
        /// Said by kaptap's configuration.
        Config = 6 "config",
        /// Said by the HTTP API of Kapacitor.
        Api = 7 "api",
        /// What the alert, or others of its topic, were known under before.
        Known = 8 "known",
    }
}
