//! The connector against a real kapacitord, whose path is in `KAPACITORD`; without it the test says so and passes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "a test fails by panicking"
)]

mod wait_support;

use kaptap::connector::{Client, Options, TASK_FIELDS};
use kaptap::http::Proxies;
use kaptap::kapacitor::api::Handler;
use kaptap::words::Level;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wait_support::wait_until_async;

/// Longest wait for anything; only a test that has failed already comes near it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A kapacitord that is ended with this value.
struct Kapacitord {
    child: Child,
    address: SocketAddr,
}

impl Drop for Kapacitord {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Kapacitord {
    fn start(program: &Path, directory: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let at = directory.display();
        let text = format!(
            "hostname = \"test\"\ndata_dir = \"{at}/data\"\n[http]\n  bind-address = \"{address}\"\n  log-enabled = false\n\
             [logging]\n  file = \"{at}/log\"\n  level = \"ERROR\"\n[replay]\n  dir = \"{at}/replay\"\n[storage]\n  boltdb = \"{at}/k.db\"\n\
             [reporting]\n  enabled = false\n[load]\n  enabled = false\n[stats]\n  enabled = false\n[[influxdb]]\n  enabled = false\n"
        );
        std::fs::write(directory.join("kapacitor.conf"), text).unwrap();
        let child = Command::new(program)
            .arg("-config")
            .arg(directory.join("kapacitor.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address }
    }

    fn post(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(stream, "POST /kapacitor/v1{path} HTTP/1.0\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1).unwrap().starts_with('2'), "{answer}");
    }
}

#[tokio::test]
async fn a_real_kapacitor_is_understood() {
    let Some(program) = std::env::var_os("KAPACITORD") else {
        let said = "\nSKIPPED, NOT TESTED: the connector against a real kapacitord; KAPACITORD names none\n";
        std::io::stderr().write_all(said.as_bytes()).ok();
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let kapacitord = Kapacitord::start(Path::new(&program), directory.path());
    let options = Options::at("k", format!("http://{}", kapacitord.address), "s");
    let client = Client::new(&options, &Proxies::none()).unwrap();
    wait_until_async("kapacitord answers", async || client.ping().await.ok()).await;
    let script = "dbrp \"d\".\"r\"\nstream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: \"v\" > 90).warn(lambda: \"v\" > 70)\
                  .id('{{ index .Tags \"host\" }}/x y').topic('cpu')";
    kapacitord
        .post("/tasks", &json!({ "id": "t", "type": "stream", "script": script, "status": "enabled" }).to_string());
    kapacitord.post("/write?db=d&rp=r", "cpu,host=a v=95 1795353827000000000\ncpu,host=b v=75 1795353828000000001\n");
    wait_until_async("two events are collected", async || {
        let topics = client.topics().await.unwrap();
        topics.into_iter().find(|topic| topic.id == "cpu" && topic.collected == 2)
    })
    .await;
    let events = client.events("cpu").await.unwrap();
    let of = |id: &str| &events.iter().find(|event| event.id == id).unwrap().state;
    assert_eq!((of("a/x y").level, of("b/x y").level), (Level::Critical, Level::Warning));
    assert_eq!(of("b/x y").time, 1_795_353_828_000_000_001);
    assert_eq!(client.event("cpu", "a/x y").await.unwrap().state.level, Level::Critical);

    let tasks = client.tasks(TASK_FIELDS).await.unwrap();
    assert_eq!((tasks.len(), tasks[0].state(), tasks[0].dbrps[0].db.as_str()), (1, "executing", "d"));
    assert_eq!(tasks[0].stats.as_ref().unwrap().sum("alerts_triggered"), 2.0);
    client.set_task_status("t", false).await.unwrap();
    assert_eq!(client.task("t").await.unwrap().state(), "disabled");

    let options = json!({ "url": "http://127.0.0.1:9/x" }).as_object().unwrap().clone();
    let handler = Handler { id: "kaptap".to_owned(), kind: "post".to_owned(), options, ..Handler::default() };
    client.put_handler("cpu", &handler).await.unwrap();
    let changed = Handler { matching: "changed() == TRUE".to_owned(), ..handler };
    client.put_handler("cpu", &changed).await.unwrap();
    assert_eq!(client.handlers("cpu").await.unwrap(), [changed]);
    client.delete_handler("cpu", "kaptap").await.unwrap();
    assert_eq!(client.handlers("cpu").await.unwrap(), []);
    let vars = client.vars().await.unwrap();
    assert_eq!((vars.host.as_str(), vars.num_tasks, vars.product.as_str()), ("test", 1, "kapacitor"));
    assert!(!vars.statistics.is_empty());
    assert!(!client.service_test("httppost", &json!({ "url": "http://127.0.0.1:9/" })).await.unwrap().success);
}
