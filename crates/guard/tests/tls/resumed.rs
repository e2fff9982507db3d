//! Sessions are kept on the guard's side. To resume one takes an `unsafe` call here; the system's tests do.

use crate::pki::Wish;
use crate::stage::{Client, READ, Stage, context};
use openssl::ssl::{SslSession, SslSessionCacheMode, SslVersion};
use std::sync::{Arc, Mutex};

#[test]
fn a_client_is_given_a_session_that_it_can_resume_and_no_early_data() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (stage, kept) = (Stage::set(), Arc::new(Mutex::new(None::<SslSession>)));
        let keeps = Arc::clone(&kept);
        let context = context(Some(&stage.site.issue(&Wish::client("Engineer"))), |context| {
            context.set_max_proto_version(Some(version)).unwrap();
            context.set_session_cache_mode(SslSessionCacheMode::CLIENT);
            context.set_new_session_callback(move |_, session| *keeps.lock().unwrap() = Some(session));
        });
        Client::connect(stage.port, &context).unwrap().asks(1, &READ).unwrap();

        let session = kept.lock().unwrap().take().unwrap();
        assert_eq!((session.protocol_version(), session.max_early_data()), (version, 0));
    }
}
