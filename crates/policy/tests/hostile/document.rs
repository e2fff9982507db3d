//! Invariant tested: whatever bytes stand in for a policy document, parsing them ends in a policy or in all that is
//! wrong with them; and a policy that is one decides every request, and permits nothing that no rule names.

use policy::document::RuleKind;
use policy::{Moment, Plant, Policy, Principal, Verdict};
use serde_json::json;
use wire::{Table, UnitId, build, parse_request};

/// A hostile document may list thousands of each; one of a kind shows as much as all.
const MOST: usize = 4;

pub fn check(document: &[u8]) {
    match Policy::parse(document) {
        Ok(policy) => use_it(&policy),
        Err(error) => {
            assert!(!error.problems().is_empty(), "refused without a reason");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn use_it(policy: &Policy) {
    let again = Policy::parse(policy.text()).unwrap();
    assert_eq!(policy.digest(), again.digest());
    policy.warm(&again);
    for (at, conduit) in policy.document().conduits.iter().enumerate().take(MOST) {
        let never_permits = conduit.rules.iter().all(|rule| rule.kind == RuleKind::Never);
        for listener in 0..conduit.listeners.len().min(MOST) {
            for principal in principals(policy) {
                ask(policy, (at, listener), &principal, never_permits);
            }
        }
    }
}

fn ask(policy: &Policy, place: (usize, usize), principal: &Principal, never_permits: bool) {
    let view = policy.view(place.0, place.1, principal);
    let mut plant = Plant::new(policy);
    let now = Moment { monotonic_ns: 1 << 62, utc_ns: i64::MAX / 2, synchronised: true };
    for unit in (0..=255).map(UnitId) {
        let Some(target) = view.target(unit) else { continue };
        for pdu in requests() {
            let request = parse_request(&pdu, false).unwrap();
            let verdict = view.decide(&request, target, unit, &plant, now);
            let is_permitted = matches!(verdict, Verdict::Permit(_));
            assert!(!(is_permitted && (never_permits || !view.names_client())), "permitted by no rule");
            if let Verdict::Deny(denial) = &verdict {
                assert!(!denial.reason.to_string().is_empty());
            }
            if is_permitted {
                plant.value_forwarded(target, &request, now);
            }
        }
    }
    explain(policy, principal);
}

fn explain(policy: &Policy, principal: &Principal) {
    for server in policy.document().servers.iter().take(MOST) {
        for pdu in ["030000000a", "0600010002", "2b0e0100"] {
            let question = json!({"client": principal.address, "server": server.name, "pdu": pdu});
            // No listener may lead there; an answer is not owed, an end is.
            let _ = policy::explain_json(policy, question.to_string().as_bytes());
        }
    }
}

fn requests() -> Vec<Vec<u8>> {
    vec![
        build::read(Table::HoldingRegister, 0, 125),
        build::read(Table::Coil, 65_535, 1),
        build::write_single_register(1, 2),
        build::write_registers(0, &[0x7FC0; 123]),
        build::write_coils(0, &[true; 9]),
        build::mask_write_register(1, 0xF0, 1),
        build::read_write_registers(0, 9, 0, &[1; 9]),
        build::diagnostics(4, 0),
        build::umas(0, 0x41, &[]),
    ]
}

fn principals(policy: &Policy) -> Vec<Principal> {
    let roles = policy.document().conduits.iter().flat_map(|conduit| &conduit.rules);
    let role = roles.flat_map(|rule| rule.roles.iter().flatten()).next();
    let addresses = ["10.0.0.5", "::ffff:10.0.0.4", "fd00::1"];
    let named =
        |address: &&str| Principal { address: address.parse().unwrap(), role: role.map(|role| role.as_str().into()) };
    addresses.iter().map(named).collect()
}
