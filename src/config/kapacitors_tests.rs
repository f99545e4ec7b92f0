//! Tests of `[[kapacitor]]` tables.

use super::super::{Config, Flags, load};
use super::*;

#[track_caller]
fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables: Vec<_> = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    load(Some(text), "k.toml", &variables, &Flags::default())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn check_good(text: &str) -> Options {
    read(text, &[]).unwrap().kapacitors.remove(0).options
}

#[test]
fn defaults_and_scope() {
    let found = check_good("scope = \"berlin\"\n[[kapacitor]]\nname = \"k\"\nurl = \"http://a:9092\"\n");
    assert_eq!(found, Options::at("k", "http://a:9092", "berlin"));
    let found = check_good("[[kapacitor]]\nname = \"k\"\nhost = \"::1\"\nscope = \"x\"\npoll = \"1s\"\nmedic = true\n");
    assert_eq!((found.http.url.as_str(), found.scope.as_str()), ("http://[::1]:9092", "x"));
    assert_eq!((found.poll, found.medic.enabled), (SECOND, true));
    let found = check_good("[[kapacitor]]\nname = \"k\"\nhost = \"kap.example\"\nport = 80\n");
    assert_eq!(found.http.url, "http://kap.example:80");
}

#[test]
fn credentials_are_of_one_kind() {
    let with = |more: &str| format!("[[kapacitor]]\nname = \"k\"\nurl = \"http://a\"\n{more}");
    let basic = check_good(&with("username = \"u\"\npassword = \"p\"\n"));
    assert_eq!(basic.http.basic, Some(("u".to_owned(), Hidden("p".to_owned()))));
    let shared = check_good(&with("username = \"u\"\nshared_secret = \"s\"\n")).shared_secret.unwrap();
    assert_eq!((shared.username.as_str(), shared.secret.0.as_str()), ("u", "s"));
    assert_eq!(check_good(&with("token = \"t\"\n")).http.token, Some(Hidden("t".to_owned())));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "from-file\n").unwrap();
    let found = check_good(&with(&format!("token_file = {file:?}\n")));
    assert_eq!(found.http.token, Some(Hidden("from-file".to_owned())));

    let variables = [("KAPTAP_KAPACITOR__K__PASSWORD", "geheim"), ("KAPTAP_KAPACITOR__K__USERNAME", "u")];
    let found = read(&with("username = \"v\"\n"), &variables).unwrap().kapacitors.remove(0);
    assert_eq!(found.options.http.basic, Some(("u".to_owned(), Hidden("geheim".to_owned()))));
    assert!(!format!("{found:?}").contains("geheim"));
    for (variable, said) in
        [("KAPTAP_KAPACITOR__X__TOKEN", "no [[kapacitor]]"), ("KAPTAP_KAPACITOR__K__TOKN", "no such key")]
    {
        let errors = read(&with(""), &[(variable, "1")]).unwrap_err();
        assert!(errors[0].starts_with(variable) && errors[0].contains(said), "{errors:?}");
    }
}

#[test]
fn all_faults_come_at_once_with_their_lines() {
    let text = "[[kapacitor]]\nname = \"k\"\nurl = \"ftp://a\"\npol = \"1s\"\npoll = \"1ms\"\n\
                [[kapacitor]]\nname = \"k\"\nhost = \"a:1\"\nusername = \"u\"\n\
                [[kapacitor]]\nname = \"l\"\nurl = \"http://a\"\nhost = \"b\"\ntoken = \"t\"\npassword = \"geheim\"\n\
                [[kapacitor]]\nname = \"m\"\nmedic_backoff = \"2h\"\nmedic_attempts = 0\nca_file = \"/nowhere/ca\"\n\
                [[kapacitor]]\nname = \"n\"\nurl = \"http://a?x=1\"\nport = 1\nshared_secret = \"s\"\n";
    let errors = read(text, &[]).unwrap_err();
    let expected = [
        "k.toml:3: kapacitor.k.url: is not a URL of http or https with a host",
        "k.toml:4: kapacitor.k.pol: a kapacitor has no such key; did you mean poll?",
        "k.toml:5: kapacitor.k.poll: 1ms is out of bounds",
        "k.toml:7: kapacitor.#2.name: another kapacitor is named \"k\"",
        "k.toml:8: kapacitor.#2.host: is not a name or address of a host",
        "k.toml:9: kapacitor.#2.username: needs a password or a shared_secret",
        "k.toml:13: kapacitor.l.host: there is a url as well",
        "k.toml:14: kapacitor.l.token: there are other credentials as well",
        "k.toml:16: kapacitor.m.url: is missing",
        "k.toml:18: kapacitor.m.medic_backoff: medic_backoff is more than medic_backoff_max",
        "k.toml:19: kapacitor.m.medic_attempts: 0 is out of bounds",
        "k.toml:20: kapacitor.m.ca_file: cannot read /nowhere/ca",
        "k.toml:23: kapacitor.n.url: has a query",
        "k.toml:25: kapacitor.n.shared_secret: needs username",
    ];
    for wanted in expected {
        assert!(errors.iter().any(|error| error.starts_with(wanted)), "{wanted} is not in {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    assert!(!errors.concat().contains("geheim"));
    let errors = read("kapacitor = 1\n", &[]).unwrap_err();
    assert!(errors[0].contains("[[kapacitor]]"), "{errors:?}");
}
