//! What no responder can bring about: threads that die or hang, more questions than may wait.

use super::asks::{Manner, Whose};
use super::register::{News, Ocsp, Standing};
use crate::tls::anchors::store_of;
use crate::tls::credential::Credential;
use crate::tls::panics::{break_desk, desk_is_broken};
use crate::tls::refusal::Reason;
use crate::tls::tests::pki::{Site, Wish};
use openssl::stack::Stack;
use openssl::x509::X509;
use policy::document;
use serde_json::json;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One thread is to go wrong, and not another test's.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn manner(site: &Site, port: u16, when_silent: &str) -> Arc<Manner> {
    let terms: document::Ocsp = serde_json::from_value(json!({
        "responder": format!("http://127.0.0.1:{port}/"), "when_silent": when_silent, "timeout_ms": 100,
        "max_age_ms": 3_600_000,
    }))
    .unwrap();
    let roots = store_of(std::slice::from_ref(&site.root.certificate)).unwrap().build();
    Arc::new(Manner { terms, roots, whose: Whose::Conduit(Arc::from("hvac")) })
}

fn client(site: &Site) -> Arc<Credential> {
    let holder = site.issue(&Wish::client("Engineer"));
    let mut chain = Stack::<X509>::new().unwrap();
    for one in [&holder.certificate, &site.issuing.certificate, &site.root.certificate] {
        chain.push(one.clone()).unwrap();
    }
    Arc::new(Credential::new(&chain, None))
}

/// Somebody listens there, and never answers.
fn deaf() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn news(ocsp: &Ocsp) -> Vec<News> {
    wait_until(|| ocsp.has_news());
    ocsp.take_news()
}

fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "it does not come to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As the loop does each second.
fn tick_until_news(ocsp: &Ocsp, now: Instant) {
    wait_until(|| {
        ocsp.lock().tick(now);
        ocsp.has_news()
    });
}

fn refused_for(ocsp: &Ocsp, manner: &Arc<Manner>, credential: &Arc<Credential>) -> Option<(Reason, String)> {
    match ocsp.judge(manner, credential, Instant::now()) {
        Standing::Refused(refusal) => Some((refusal.reason, refusal.detail)),
        _ => None,
    }
}

#[test]
fn a_thread_that_dies_or_hangs_counts_as_silence_and_is_begun_again() {
    let _alone = alone();
    for (hangs, what) in [(false, "has died"), (true, "hangs")] {
        let (site, ocsp, (_listener, port)) = (Site::new(), Ocsp::default(), deaf());
        let (manner, first) = (manner(&site, port, "refuse"), client(&site));
        break_desk(hangs);
        let begun = Instant::now();
        assert_eq!(ocsp.judge(&manner, &first, begun), Standing::Waiting);
        wait_until(desk_is_broken);
        // What hangs is found when the question's time is over, what died at once.
        let late = if hangs { begun + Duration::from_secs(3) } else { begun };
        tick_until_news(&ocsp, late);
        assert_eq!(news(&ocsp), []);
        let (reason, detail) = refused_for(&ocsp, &manner, &first).unwrap();
        assert_eq!(reason, Reason::OcspSilent);
        assert!(detail.contains(what), "{detail}");

        let second = client(&site);
        assert_eq!(ocsp.judge(&manner, &second, Instant::now()), Standing::Waiting);
        news(&ocsp);
        let (_, detail) = refused_for(&ocsp, &manner, &second).unwrap();
        assert!(detail.ends_with("no answer within 100 ms"), "{detail}");
    }
}

#[test]
fn where_silence_lets_in_nobody_waits_whatever_becomes_of_the_threads() {
    let _alone = alone();
    let (site, ocsp, (_listener, port)) = (Site::new(), Ocsp::default(), deaf());
    let (manner, somebody) = (manner(&site, port, "warn"), client(&site));
    break_desk(false);

    assert_eq!(ocsp.judge(&manner, &somebody, Instant::now()), Standing::Fine);
    tick_until_news(&ocsp, Instant::now());
    let rows = news(&ocsp);
    let [News::Unanswered(whose, told)] = rows.as_slice() else { panic!("no row") };
    assert_eq!(whose, &Whose::Conduit(Arc::from("hvac")));
    assert!(told.starts_with("ocsp_silent: subject CN=hmi-1"), "{told}");
    assert_eq!(ocsp.judge(&manner, &somebody, Instant::now()), Standing::Fine);
}

#[test]
fn only_so_many_questions_wait_and_a_silent_responder_is_left_alone() {
    let _alone = alone();
    let (site, ocsp, (listener, port)) = (Site::new(), Ocsp::default(), deaf());
    let manner = manner(&site, port, "warn");
    for _ in 0..300 {
        assert_eq!(ocsp.judge(&manner, &client(&site), Instant::now()), Standing::Fine);
    }
    let until = Instant::now() + Duration::from_secs(10);
    let mut rows = 0;
    while rows < 300 {
        assert!(Instant::now() < until, "{rows}");
        rows += news(&ocsp).len();
    }

    assert_eq!(ocsp.replies().get("ocsp_silent"), Some(&300));
    listener.set_nonblocking(true).unwrap();
    let asked = std::iter::from_fn(|| listener.accept().ok()).count();
    assert!((1..=8).contains(&asked), "{asked}");
}

#[test]
fn a_root_that_signed_itself_is_nobody_to_be_asked_about() {
    let (site, ocsp, (_listener, port)) = (Site::new(), Ocsp::default(), deaf());
    let mut chain = Stack::<X509>::new().unwrap();
    chain.push(site.root.certificate.clone()).unwrap();
    let lone = Arc::new(Credential::new(&chain, None));

    assert_eq!(ocsp.judge(&manner(&site, port, "refuse"), &lone, Instant::now()), Standing::Fine);
    assert!(!ocsp.has_news());
}
