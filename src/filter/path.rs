//! Paths into the event: which there are, and of which type.
//!
//! Single values stand at a [`Member`]; tags, fields and labels are [`Collection`]s with keys of their own. `tags` and
//! `fields` are those of the first series, and a field's value is that of the last row.

use super::value::Type;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// A single value.
    Member(Member),
    /// The value of a key.
    Entry(Collection, Box<str>),
}

impl Path {
    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Member(member) => member.type_of(),
            Self::Entry(Collection::Fields, _) => Type::Any,
            Self::Entry(..) => Type::Text,
        }
    }
}

/// The first name of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Member(Member),
    Origin,
    Alert,
    Collection(Collection),
}

/// Something with many parts: a map that is asked by key, or a list of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `tags`
    Tags,
    /// `fields`
    Fields,
    /// `labels`
    Labels,
    /// `origin.dimensions`, a list.
    Dimensions,
    /// `marks`, a list.
    Marks,
}

impl Collection {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Fields => "fields",
            Self::Labels => "labels",
            Self::Dimensions => "origin.dimensions",
            Self::Marks => "marks",
        }
    }

    /// Whether it is asked by key.
    pub(super) const fn is_map(self) -> bool {
        matches!(self, Self::Tags | Self::Fields | Self::Labels)
    }
}

macro_rules! members {
    ($($(#[$doc:meta])* $member:ident = $parent:literal . $name:literal: $type:ident,)*) => {
        /// A single value of the event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Member {
            $(
                #[doc = concat!("`", $parent, " ", $name, "`")]
                $(#[$doc])*
                $member,
            )*
        }

        impl Member {
            pub(super) const fn type_of(self) -> Type {
                match self { $(Self::$member => Type::$type,)* }
            }

            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$member,)*];

            fn named(parent: &str, name: &str) -> Option<Self> {
                match (parent, name) { $(($parent, $name) => Some(Self::$member),)* _ => None }
            }
        }

        /// All of them: parent and name.
        const MEMBERS: &[(&str, &str)] = &[$(($parent, $name),)*];
    };
}

members! {
    Kind = ""."kind": Text,
    Id = ""."id": Text,
    Seq = ""."seq": Int,
    Time = ""."time": Timestamp,
    Observed = ""."observed": Timestamp,
    DuplicateOf = ""."duplicate_of": Int,
    Part = ""."part": Int,
    Parts = ""."parts": Int,
    OriginLane = "origin"."lane": Text,
    OriginSource = "origin"."source": Text,
    OriginStream = "origin"."stream": Text,
    OriginN = "origin"."n": Int,
    OriginTask = "origin"."task": Text,
    OriginNode = "origin"."node": Text,
    OriginTopic = "origin"."topic": Text,
    OriginCluster = "origin"."cluster": Text,
    OriginServer = "origin"."server": Text,
    OriginHost = "origin"."host": Text,
    OriginDatabase = "origin"."database": Text,
    OriginRetentionPolicy = "origin"."retention_policy": Text,
    OriginMeasurement = "origin"."measurement": Text,
    OriginGroup = "origin"."group": Text,
    AlertId = "alert"."id": Text,
    AlertMessage = "alert"."message": Text,
    AlertDetails = "alert"."details": Text,
    AlertLevel = "alert"."level": Text,
    AlertPreviousLevel = "alert"."previous_level": Text,
    AlertDurationNs = "alert"."duration_ns": Int,
    /// The same as `alert duration_ns`, as a duration.
    AlertDuration = "alert"."duration": Duration,
    AlertRecoverable = "alert"."recoverable": Bool,
    AlertState = "alert"."state": Text,
    AlertSeverity = "alert"."severity": Text,
    AlertSeverityNumber = "alert"."severity_number": Int,
    AlertTransition = "alert"."transition": Text,
    AlertStarted = "alert"."started": Timestamp,
    AlertRepeat = "alert"."repeat": Int,
    AlertFingerprint = "alert"."fingerprint": Text,
    AlertEpisode = "alert"."episode": Text,
}

impl Root {
    /// The root of that name.
    ///
    /// # Errors
    /// When there is none: the names that there are.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "origin" => Ok(Self::Origin),
            "alert" => Ok(Self::Alert),
            "tags" => Ok(Self::Collection(Collection::Tags)),
            "fields" => Ok(Self::Collection(Collection::Fields)),
            "labels" => Ok(Self::Collection(Collection::Labels)),
            "marks" => Ok(Self::Collection(Collection::Marks)),
            _ => Member::named("", name).map(Self::Member).ok_or_else(|| {
                let others = ["origin", "alert", "tags", "fields", "labels", "marks"];
                members_of("").chain(others).collect::<Vec<_>>().join(", ")
            }),
        }
    }

    /// What a name or key below `origin` or `alert` leads to.
    ///
    /// # Errors
    /// When there is none: the names that there are.
    pub(super) fn member(parent: &str, name: &str) -> Result<Self, String> {
        if (parent, name) == ("origin", "dimensions") {
            return Ok(Self::Collection(Collection::Dimensions));
        }
        Member::named(parent, name).map(Self::Member).ok_or_else(|| {
            let dimensions = (parent == "origin").then_some("dimensions");
            members_of(parent).chain(dimensions).collect::<Vec<_>>().join(", ")
        })
    }
}

fn members_of(parent: &str) -> impl Iterator<Item = &'static str> {
    MEMBERS.iter().filter(move |member| member.0 == parent).map(|member| member.1)
}
