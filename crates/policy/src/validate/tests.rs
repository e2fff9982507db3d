use super::*;
use serde_json::{Value, json};

fn document() -> Value {
    json!({
        "format": 1, "site": "s", "guard": "g", "utc_offsets": [[0, 3600]], "assets": [],
        "point_maps": [{"name": "map", "points": [
            {"name": "a", "table": "holding_register", "address": 0, "type": "float32", "limits": {"range": [1.0, 2.0]}}]}],
        "servers": [
            {"name": "s0", "address": "10.0.0.1", "port": 502, "gateway": false, "reply_timeout_ms": 1,
             "units": [{"asset": "s0", "unit_ids": [1], "point_map": 0}]},
            {"name": "s1", "address": "10.0.0.2", "port": 502, "gateway": true, "reply_timeout_ms": 1,
             "units": [{"asset": "u2", "unit_ids": [2]}]}],
        "conduits": [{
            "name": "c", "verdicts": "enforce", "denial": "silence", "server_silent": "close",
            "idle_timeout_ms": 1, "deadline_ms": 1, "on_journal_failure": "permit", "record_read_values": "all",
            "budgets": {"sessions": 1, "sessions_per_client": 1, "open_requests": 1, "queued_requests": 0,
                        "denial_rows_per_second": 0},
            "listeners": [{"address": "10.0.0.9", "port": 1502, "servers": [0, 1]}],
            "rules": [{"name": "r", "kind": "permit", "functions": ["read"], "clients": ["10.0.0.0/8"],
                       "targets": [{"server": 0, "unit_ids": [1]}], "ranges": [["coil", 0, 9]],
                       "limits": {"a": {"max_step": 1.0}},
                       "when": [{"days": [0], "from_s": 0, "to_s": 60}]}],
        }],
    })
}

fn problems(document: &Value) -> Vec<(String, Flaw)> {
    match parse_document(document.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(|problem| (problem.place.clone(), problem.flaw.clone())).collect(),
    }
}

/// Change one place of a good document and expect one problem.
fn expect(pointer: &str, value: Value, place: &str, flaw: Flaw) {
    let mut document = document();
    *document.pointer_mut(pointer).unwrap() = value;

    assert_eq!(problems(&document), [(place.to_owned(), flaw)], "{pointer}");
}

#[test]
fn a_good_document_has_no_problems() {
    assert_eq!(problems(&document()), []);
}

#[test]
fn what_is_not_the_json_of_a_document_says_where() {
    let mut unknown = document();
    unknown["conduits"][0]["surprise"] = json!(1);

    assert!(matches!(problems(&unknown).as_slice(), [(_, Flaw::Json(error))] if error.contains("surprise")));
    assert!(parse_document(b"{").is_err());
    assert!(parse_document(b"").is_err());
}

#[test]
fn each_mistake_in_the_plant_names_its_place() {
    let point = "point_maps[0].points[0]";
    expect("/format", json!(2), "format", Flaw::Format(2));
    expect("/utc_offsets", json!([]), "utc_offsets", Flaw::Empty);
    expect("/utc_offsets", json!([[5, 0], [5, 0]]), "utc_offsets", Flaw::Unordered);
    expect("/point_maps/0/points/0/table", json!("coil"), point, Flaw::TypeOfTable);
    expect("/point_maps/0/points/0/address", json!(65535), point, Flaw::PastEnd);
    let limits = "/point_maps/0/points/0/limits";
    expect(limits, json!({"range": [3.0, 2.0]}), &format!("{point}.limits.range"), Flaw::Inverted);
    expect(limits, json!({"max_step": -1.0}), &format!("{point}.limits.max_step"), Flaw::Number(-1.0));
    expect(limits, json!({"per_minute": 6001}), &format!("{point}.limits.per_minute"), Flaw::TooMany(6000));
    let change = json!({"max_change": {"by": 1.0, "in_ms": 0}});
    expect(limits, change, &format!("{point}.limits.max_change.in_ms"), Flaw::Number(0.0));
    let server = "servers[1]";
    expect("/servers/1/name", json!("s0"), "servers[1].name", Flaw::Duplicate("s0".to_owned()));
    expect("/servers/0/units/0/point_map", json!(1), "servers[0].units[0].point_map", Flaw::Index(1));
    expect("/servers/1/units/0/unit_ids", json!([0]), &format!("{server}.units[0].unit_ids"), Flaw::BroadcastUnit);
    let twice = Flaw::Duplicate("2".to_owned());
    let found = {
        let mut document = document();
        document["servers"][1]["units"][0]["unit_ids"] = json!([2, 2]);
        problems(&document)
    };
    assert!(found.contains(&(format!("{server}.units[0].unit_ids"), twice)));
}

#[test]
fn each_mistake_in_a_rule_names_its_place() {
    let rule = "/conduits/0/rules/0";
    let place = |field: &str| format!("conduits[0].rules[0].{field}");
    let unknown = |text: &str| Flaw::Unknown(text.to_owned());
    expect(&format!("{rule}/functions"), json!(["fly"]), &place("functions[0]"), unknown("fly"));
    expect(&format!("{rule}/clients"), json!(["10.0.0.0/33"]), &place("clients[0]"), unknown("10.0.0.0/33"));
    expect(&format!("{rule}/targets/0/server"), json!(2), &place("targets[0].server"), Flaw::Index(2));
    expect(&format!("{rule}/targets/0/unit_ids"), json!([9]), &place("targets[0].unit_ids"), Flaw::Index(9));
    expect(&format!("{rule}/ranges"), json!([["coil", 9, 0]]), &place("ranges[0]"), Flaw::Inverted);
    expect(&format!("{rule}/limits/a/max_step"), json!(-1.0), &place("limits.a.max_step"), Flaw::Number(-1.0));
    expect(&format!("{rule}/when/0/days"), json!([7]), &place("when[0].days"), Flaw::Number(7.0));
    expect(&format!("{rule}/when/0/to_s"), json!(0), &place("when[0]"), Flaw::Empty);
    expect(&format!("{rule}/kind"), json!("never"), &place("limits"), Flaw::NotOnNever);
}

#[test]
fn each_mistake_in_a_conduit_names_its_place() {
    let conduit = "/conduits/0";
    expect(&format!("{conduit}/denial"), json!({"exception": 0}), "conduits[0].denial", Flaw::Number(0.0));
    expect(&format!("{conduit}/deadline_ms"), json!(0), "conduits[0].deadline_ms", Flaw::Number(0.0));
    let servers = "conduits[0].listeners[0].servers";
    expect(&format!("{conduit}/listeners/0/servers"), json!([]), servers, Flaw::Empty);
    expect(&format!("{conduit}/listeners/0/servers"), json!([2]), servers, Flaw::Index(2));
    expect("/servers/1/units/0/unit_ids", json!([1]), servers, Flaw::Duplicate("1".to_owned()));
}

#[test]
fn a_listener_has_no_more_servers_than_a_byte_counts() {
    let with_servers = |count: usize| {
        let mut document = document();
        let server = |index: usize| {
            json!({"name": format!("s{index}"), "address": "10.0.0.1", "port": 502, "gateway": false,
                   "reply_timeout_ms": 1, "units": []})
        };
        let servers = document["servers"].as_array_mut().unwrap();
        servers.extend((2..count).map(server));
        document["conduits"][0]["listeners"][0]["servers"] = json!((0..count).collect::<Vec<_>>());
        problems(&document)
    };

    assert_eq!(with_servers(255), []);
    assert_eq!(with_servers(256), [("conduits[0].listeners[0].servers".to_owned(), Flaw::TooMany(255))]);
}

#[test]
fn all_problems_are_told_at_once() {
    let mut document = document();
    document["format"] = json!(3);
    document["conduits"][0]["rules"][0]["functions"] = json!(["fly"]);
    let error = parse_document(document.to_string().as_bytes()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "format: format 3 is not known here, only 1\nconduits[0].rules[0].functions[0]: \"fly\" names nothing known"
    );
}

fn with_tls(change: impl FnOnce(&mut Value)) -> Vec<(String, Flaw)> {
    let mut document = document();
    let mut tls = json!({
        "certificate": "/own.pem", "key": "/own.key", "trust": ["/root.pem"], "versions": ["1.2", "1.3"],
        "suites": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
        "stale_crl": "warn", "expired": "close"});
    change(&mut tls);
    document["conduits"][0]["tls"] = tls;
    problems(&document)
}

#[test]
fn each_mistake_in_tls_names_its_place() {
    let place = |name: &str| format!("conduits[0].tls.{name}");
    let of = |name: &str, flaw: Flaw| vec![(place(name), flaw)];

    assert_eq!(with_tls(|_| {}), []);
    assert_eq!(with_tls(|tls| tls["trust"] = json!([])), of("trust", Flaw::Empty));
    assert_eq!(with_tls(|tls| tls["key"] = json!("own.key")), of("key", Flaw::Unknown("own.key".to_owned())));
    assert_eq!(with_tls(|tls| tls["crls"] = json!(["/a", "b"])), of("crls[1]", Flaw::Unknown("b".to_owned())));
    assert_eq!(with_tls(|tls| tls["suites"] = json!(["TLS_AES_128_GCM_SHA256"])), of("suites", Flaw::Empty));
    let asks = |timeout_ms: u32, max_age_ms: u32| {
        json!({"responder": "http://10.20.0.9:2560/", "when_silent": "warn", "timeout_ms": timeout_ms,
               "max_age_ms": max_age_ms})
    };
    assert_eq!(with_tls(|tls| tls["ocsp"] = asks(2_000, 3_600_000)), []);
    let slow = with_tls(|tls| tls["ocsp"] = asks(10_001, 3_600_000));
    assert_eq!(slow, of("ocsp.timeout_ms", Flaw::Number(10_001.0)));
    assert_eq!(with_tls(|tls| tls["ocsp"] = asks(100, 999)), of("ocsp.max_age_ms", Flaw::Number(999.0)));
    let twice = with_tls(|tls| tls["versions"] = json!(["1.2", "1.3", "1.3"]));
    assert_eq!(twice, of("versions", Flaw::Duplicate("a version".to_owned())));
    let mute = with_tls(|tls| tls["versions"] = json!(["1.3"]));
    assert_eq!(mute, of("suites", Flaw::Unknown("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned())));
}

#[test]
fn a_server_s_own_address_leads_to_no_other_server() {
    let mut document = document();
    let transparent = |port: u16| json!({"port": port, "client_address": "keep"});
    document["conduits"][0]["transparent"] = transparent(15502);
    assert_eq!(problems(&document), [("conduits[0].listeners[0].servers".to_owned(), Flaw::TooMany(1))]);

    document["conduits"][0]["listeners"][0]["servers"] = json!([0]);
    assert_eq!(problems(&document), []);
    document["conduits"][0]["transparent"] = transparent(0);
    assert_eq!(problems(&document), [("conduits[0].transparent.port".to_owned(), Flaw::Number(0.0))]);
}

#[test]
fn no_version_or_suite_is_known_that_the_standard_forbids() {
    for (key, word) in
        [("versions", "1.1"), ("suites", "TLS_NULL_WITH_NULL_NULL"), ("suites", "TLS_RSA_WITH_RC4_128_MD5")]
    {
        let found = with_tls(|tls| tls[key] = json!([word]));
        assert!(matches!(found.as_slice(), [(_, Flaw::Json(error))] if error.contains(word)), "{found:?}");
    }
}

fn towards(change: impl FnOnce(&mut Value)) -> Vec<(String, Flaw)> {
    let mut document = document();
    let mut tls = json!({
        "tls": {"certificate": "/own.pem", "key": "/own.key", "trust": ["/root.pem"], "versions": ["1.3"],
                "suites": ["TLS_AES_128_GCM_SHA256"], "stale_crl": "warn", "expired": "close"},
        "name": "ahu-001.plant", "max_fragment": 512, "one_sided": "refuse"});
    change(&mut tls);
    document["servers"][0]["tls"] = tls;
    problems(&document)
}

#[test]
fn each_mistake_in_tls_towards_a_server_names_its_place() {
    let of = |name: &str, flaw: Flaw| vec![(format!("servers[0].tls.{name}"), flaw)];

    assert_eq!(towards(|_| {}), []);
    assert_eq!(towards(|tls| tls["name"] = json!("")), of("name", Flaw::Empty));
    assert_eq!(towards(|tls| tls["name"] = json!("a b")), of("name", Flaw::Unknown("a b".to_owned())));
    assert_eq!(towards(|tls| tls["max_fragment"] = json!(513)), of("max_fragment", Flaw::Number(513.0)));
    assert_eq!(towards(|tls| tls["tls"]["trust"] = json!([])), of("tls.trust", Flaw::Empty));
    assert_eq!(towards(|tls| tls["tls"]["key"] = json!("k")), of("tls.key", Flaw::Unknown("k".to_owned())));
}

#[test]
fn a_bus_carries_no_tls() {
    let mut document = document();
    document["servers"][0]["tls"] = json!({
        "tls": {"certificate": "/own.pem", "key": "/own.key", "trust": ["/root.pem"], "versions": ["1.3"],
                "suites": ["TLS_AES_128_GCM_SHA256"], "stale_crl": "warn", "expired": "close"},
        "name": "10.0.0.1", "one_sided": "warn"});
    document["servers"][0]["line"] = json!({"framing": "rtu", "pipeline": 1, "pause_ms": 0, "lifetime_ms": 0,
        "turnaround_ms": 100, "window_ms": 0, "read_retries": 0, "echo": false, "client_share": 100});

    let flaw = Flaw::Unknown("TLS on a bus".to_owned());
    assert!(problems(&document).contains(&("servers[0].tls".to_owned(), flaw)));
}
