//! Whether Kapacitor reaches kaptap, tried from Kapacitor's side.
//!
//! Kapacitor's `service-tests/httppost` posts from its own host and says `success` for every answer, whatever its
//! status, from whoever is there (`services/httppost/service.go`). So the post goes to a path that nobody has posted to
//! before, and kaptap is then asked whether that post arrived: that it did, and by whose token, is what counts.

use super::handler::Aim;
use crate::connector::own::{Arrival, Own};
use crate::connector::{ApiError, Client, masked};
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher, RandomState};

/// How a test of the connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The post arrived in this kaptap, which would have kept it.
    Arrived,
    /// The post arrived in this kaptap, which takes alerts only with a token that it did not have.
    NoToken,
    /// Kapacitor had an answer, but the post did not arrive in this kaptap: something else is at that address.
    Elsewhere,
    /// Kapacitor had an answer; whether it was kaptap's cannot be told.
    Answered {
        /// Why it cannot be told.
        why: String,
    },
    /// Kapacitor had no answer.
    Failed {
        /// Its sentence.
        message: String,
    },
    /// Kapacitor could not be asked to try.
    CannotTell {
        /// Why.
        why: String,
    },
}

/// Has Kapacitor post to kaptap at `address` with these headers, and looks whether it arrived.
pub async fn probe(client: &Client, own: Option<&Own>, address: &str, headers: &Map<String, Value>) -> Probed {
    let nonce = nonce();
    let options = json!({"url": format!("{address}/v1/probe/{nonce}"), "headers": headers});
    let test = match client.service_test("httppost", &options).await {
        Ok(test) => test,
        // It has no time limit of its own: that it takes too long is an answer of its kind.
        Err(ApiError::TimedOut(why)) => {
            return Probed::Failed { message: format!("the post had no answer in time ({why})") };
        }
        Err(error) => return Probed::CannotTell { why: error.to_string() },
    };
    if !test.success {
        return Probed::Failed { message: test.message };
    }
    match own {
        None => Probed::Answered { why: "kaptap was not asked".to_owned() },
        Some(own) => match own.arrival(&nonce).await {
            Ok(Some(Arrival { allowed: true })) => Probed::Arrived,
            Ok(Some(Arrival { allowed: false })) => Probed::NoToken,
            Ok(None) => Probed::Elsewhere,
            Err(why) => Probed::Answered { why },
        },
    }
}

/// The request that [`probe`] sends to Kapacitor, for people: secrets are masked.
#[must_use]
pub fn shown_probe(aim: &Aim) -> String {
    let headers = masked(&aim.probe_headers());
    let options = json!({"url": format!("{}/v1/probe/NAME", aim.address.as_str()), "headers": headers});
    format!("POST /kapacitor/v1/service-tests/httppost\n{options:#}")
}

/// A name that was not used before.
fn nonce() -> String {
    let random = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", random(), random())
}
