//! kaptap's own side: whether it answers, its sockets, the UDF nodes that are connected.

use super::facts::{Account, Facts, SocketFacts, SocketState};
use super::scripts::uses_kaptap;
use super::{Check, Findings, Severity};
use crate::connector::setup::UDF_TIMEOUT;
use std::collections::BTreeMap;
use std::time::Duration;

/// A machine that swaps can be silent for longer than less.
const SHORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How exactly Kapacitor keeps the time between two asks; what looks shorter by less is not shorter.
const JITTER: f64 = 0.98;

pub(super) fn examine(facts: &Facts, findings: &mut Findings) {
    let own = &facts.own;
    let used = facts.tasks.as_ref().is_ok_and(|tasks| tasks.iter().any(uses_kaptap));
    match &own.streams {
        Ok(_) => findings.fine(Check::KaptapAnswers, &own.address, "kaptap answers."),
        Err(why) => findings.add(
            Severity::Broken,
            Check::KaptapAnswers,
            &own.address,
            format!("kaptap cannot be asked: {why}."),
            "Start kaptap; or say where it is with --kaptap, and what it wants with --token.",
        ),
    }
    let connected = own.streams.as_ref().is_ok_and(|streams| streams.iter().any(|stream| stream.lane == "udf"));
    for socket in &own.sockets {
        check_socket(facts, socket, used, connected, findings);
    }
    timeouts(facts, used, findings);
    unconnected(facts, findings);
}

fn check_socket(facts: &Facts, socket: &SocketFacts, used: bool, connected: bool, findings: &mut Findings) {
    let place = socket.path.display().to_string();
    let worse = if used { Severity::Broken } else { Severity::Warning };
    if !facts.local {
        let severity = if used && !connected { Severity::CannotTell } else { Severity::Fine };
        let said = "Kapacitor is on another machine, so it was not looked whether it may connect.";
        findings.add(severity, Check::Socket, place, said, "Unix sockets need kaptap on Kapacitor's machine.");
        return;
    }
    match &socket.state {
        SocketState::Missing => {
            let said = "The socket is not there: kaptap does not run, or has another configuration.";
            findings.add(
                worse,
                Check::Socket,
                place,
                said,
                "Start kaptap; give doctor the configuration that it runs with.",
            );
        }
        SocketState::NotASocket => {
            let said = "What is there is not a socket.";
            findings.add(worse, Check::Socket, place, said, "Remove it, or choose another path in [udf].");
        }
        SocketState::Unseen(why) => {
            let said = format!("This user cannot look at the socket: {why}.");
            findings.add(Severity::CannotTell, Check::Socket, place, said, "Run doctor as a user who may.");
        }
        SocketState::There { listening: Some(false), .. } => {
            let said = "Nobody listens on the socket: it is left from a kaptap that was killed.";
            findings.add(worse, Check::Socket, place, said, "Start kaptap; it takes the socket over.");
        }
        SocketState::There { owned, .. } => {
            let Some(account) = &facts.own.account else {
                let said =
                    format!("The socket has mode {:04o}; who kapacitord runs as could not be found.", owned.mode);
                let remedy = "Check as that user: test -w on the socket.";
                findings.add(Severity::CannotTell, Check::Socket, place, said, remedy);
                return;
            };
            match obstacle(socket, account) {
                None => findings.fine(Check::Socket, place, format!("{} may connect.", account.name)),
                Some(said) => findings.add(
                    worse,
                    Check::Socket,
                    place,
                    said,
                    "Set [udf] group to a group of that user and mode to 0660, and let the group search the directories above.",
                ),
            }
        }
    }
}

/// What keeps an account from connecting.
fn obstacle(socket: &SocketFacts, account: &Account) -> Option<String> {
    if let Some(closed) = socket.above.iter().find(|directory| !account.may(directory.owned, 1)) {
        let path = closed.path.display();
        return Some(format!("{} may not search {path} (mode {:04o}).", account.name, closed.owned.mode));
    }
    let SocketState::There { owned, .. } = socket.state else { return None };
    (!account.may(owned, 2)).then(|| {
        format!(
            "{} may not connect: the socket has mode {:04o}, user {} and group {}.",
            account.name, owned.mode, owned.user, owned.group
        )
    })
}

/// Kapacitor's API does not show the UDFs' `timeout`. It asks for a sign of life every half of it, which kaptap sees.
fn timeouts(facts: &Facts, used: bool, findings: &mut Findings) {
    let Ok(streams) = &facts.own.streams else { return };
    let mut seen: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for stream in streams.iter().filter(|stream| stream.lane == "udf") {
        // A stream that did not get as far as Init has neither.
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "unnamed".to_owned());
        seen.insert(format!("task {}, {}", name(&stream.task), name(&stream.node)), stream.keepalive_ns);
    }
    if seen.is_empty() && used {
        let said = "Kapacitor's API does not show the UDFs' time limits, and no UDF node is connected to tell by.";
        let remedy = "Look into kapacitor.conf: timeout = \"60s\" is advised, below 10s is too little.";
        findings.add(Severity::CannotTell, Check::UdfTimeout, &facts.kapacitor, said, remedy);
    }
    for (place, keepalive) in seen {
        let Some(keepalive) = keepalive else {
            let said = "The node has not been asked for two signs of life yet, which would tell its time limit.";
            findings.add(Severity::CannotTell, Check::UdfTimeout, place, said, "Run doctor again in a minute.");
            continue;
        };
        let timeout = Duration::from_nanos(keepalive.saturating_mul(2));
        let shown = format!("{:.0?}", timeout.max(Duration::from_secs(1)));
        if timeout.as_secs_f64() < SHORT_TIMEOUT.as_secs_f64() * JITTER {
            let said =
                format!("The UDF's time limit is about {shown}: a machine that swaps for as long loses the task.");
            let remedy = "Write timeout = \"60s\" into [udf.functions.…] of kapacitor.conf and restart kapacitord.";
            findings.add(Severity::Warning, Check::UdfTimeout, place, said, remedy);
        } else {
            let advised =
                if timeout.as_secs_f64() < UDF_TIMEOUT.as_secs_f64() * JITTER { "; 60s is advised" } else { "" };
            findings.fine(Check::UdfTimeout, place, format!("The UDF's time limit is about {shown}{advised}."));
        }
    }
}

/// A task whose connection was lost goes on saying that it executes until its next point.
fn unconnected(facts: &Facts, findings: &mut Findings) {
    let (Ok(streams), Ok(tasks)) = (&facts.own.streams, &facts.tasks) else { return };
    for task in tasks.iter().filter(|task| task.executing && uses_kaptap(task)) {
        let connected = |task: &str| streams.iter().any(|stream| stream.task.as_deref() == Some(task));
        let place = format!("task {}", task.id);
        if connected(&task.id) {
            findings.fine(Check::UdfConnected, place, "Its UDF node is connected.");
        } else {
            let said = "It has @kaptap() and says that it executes, but it is not connected: its next point is lost and ends it.";
            let remedy = format!("kapacitor reload {}", task.id);
            findings.add(Severity::Broken, Check::UdfConnected, place, said, &remedy);
        }
    }
}
