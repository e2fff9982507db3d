//! A view: what one kind of client may do at one listener. Built once, shared by its sessions.

use crate::cells::{Matching, UnitRules};
use crate::document::{Listener, Server};
use crate::policy::{Compiled, Principal};
use crate::prefix::ClientClass;
use crate::rules::{CompiledRule, ConduitRules, Reach};
use crate::target::Target;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use wire::UnitId;

/// What one kind of client may do at one listener.
#[derive(Debug)]
pub struct View {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) conduit: usize,
    /// The listener, and one of the clients: what it takes to build the same view of another policy.
    pub(crate) listener: usize,
    pub(crate) principal: Principal,
    /// Indices of the rules that match client and role.
    matching: Vec<usize>,
    standing: Standing,
    /// Whether some `never` is about this client.
    has_nevers: bool,
    /// By unit id, ascending: most listeners have one or a few, and then a search costs less than a hash.
    units: Vec<Addressee>,
    broadcasts: HashMap<usize, OnceLock<UnitRules>>,
}

/// Whether the permit rules of a conduit are about a client, and if not, what keeps them from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Some rule names it for some server of the listener.
    Named,
    /// Rules name it, for servers of other listeners.
    ElsewhereNamed,
    /// Rules name its address, and want a role that it does not have.
    LacksRole,
    Unnamed,
}

/// What a unit id stands for.
#[derive(Debug)]
struct Addressee {
    id: u8,
    target: Target,
    /// Built when first asked for; never for a gateway as a whole.
    rules: OnceLock<UnitRules>,
}

/// Clients with equal keys have equal views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ViewKey {
    conduit: usize,
    listener: usize,
    class: Option<ClientClass>,
    role: Option<usize>,
}

// === impl ViewKey ===

impl ViewKey {
    pub(crate) fn of(compiled: &Compiled, (conduit, listener): (usize, usize), principal: &Principal) -> Self {
        let rules = compiled.conduits.get(conduit);
        Self {
            conduit,
            listener,
            class: rules.map(|rules| rules.classes.of(principal.address)),
            role: rules.and_then(|rules| rules.role_number(principal.role.as_deref())),
        }
    }
}

// === impl Standing ===

impl Standing {
    fn of(rules: &[CompiledRule], principal: &Principal, servers: &[usize]) -> Self {
        let about = || rules.iter().filter(|rule| rule.is_permit() && rule.matches_client(principal.address));
        let is_here = |rule: &&CompiledRule| servers.iter().any(|server| rule.matches_server(*server));
        let has_role = |rule: &&CompiledRule| rule.matches_role(principal.role.as_deref());
        if about().filter(has_role).any(|rule| is_here(&rule)) {
            Self::Named
        } else if about().any(|rule| is_here(&rule)) {
            Self::LacksRole
        } else if about().any(|rule| has_role(&rule)) {
            Self::ElsewhereNamed
        } else {
            Self::Unnamed
        }
    }
}

// === impl View ===

impl View {
    pub(crate) fn new(compiled: &Arc<Compiled>, (conduit, listener): (usize, usize), principal: &Principal) -> Self {
        let servers = listener_servers(compiled, (conduit, listener));
        let matching = matching(compiled, conduit, principal);
        let rules = compiled.conduits.get(conduit).map(|conduit| conduit.rules.as_slice()).unwrap_or_default();
        let standing = Standing::of(rules, principal, &servers);
        let has_nevers = matching.iter().filter_map(|index| rules.get(*index)).any(|rule| !rule.is_permit());
        let targets = targets(compiled, &servers);
        let units = targets.iter().map(|(id, target)| Addressee { id: *id, target: *target, rules: OnceLock::new() });
        let broadcasts = targets.values().filter(|target| target.is_broadcast());
        let broadcasts = broadcasts.flat_map(|target| compiled.unit_slots(target.server()));
        Self {
            compiled: Arc::clone(compiled),
            conduit,
            listener,
            principal: principal.clone(),
            matching,
            standing,
            has_nevers,
            units: units.collect(),
            broadcasts: broadcasts.map(|slot| (slot, OnceLock::new())).collect(),
        }
    }

    /// Whether some permit rule names this client for some server of the listener.
    #[must_use]
    pub const fn names_client(&self) -> bool {
        matches!(self.standing, Standing::Named)
    }

    pub(crate) const fn standing(&self) -> Standing {
        self.standing
    }

    pub(crate) const fn has_nevers(&self) -> bool {
        self.has_nevers
    }

    /// What a unit id stands for here; `None` if it is not declared.
    #[must_use]
    pub fn target(&self, unit: UnitId) -> Option<Target> {
        self.addressee(unit.0).map(|addressee| addressee.target)
    }

    fn addressee(&self, id: u8) -> Option<&Addressee> {
        let at = self.units.binary_search_by_key(&id, |addressee| addressee.id).ok()?;
        self.units.get(at)
    }

    pub(crate) fn conduit(&self) -> Option<&ConduitRules> {
        self.compiled.conduits.get(self.conduit)
    }

    /// The rules of one unit, under the unit id that the client uses for it.
    pub(crate) fn unit_rules(&self, target: Target, reach: Reach) -> Option<&UnitRules> {
        let slot = target.unit_slot()?;
        let built = match reach {
            Reach::Unit(id) => &self.addressee(id).filter(|unit| unit.target.unit_slot() == Some(slot))?.rules,
            Reach::Broadcast => self.broadcasts.get(&slot)?,
        };
        Some(built.get_or_init(|| self.build(target.server(), slot, reach)))
    }

    /// Build now what requests would have to wait for.
    pub(crate) fn build_all(&self) {
        for Addressee { id, target, .. } in &self.units {
            if target.is_broadcast() {
                let units = self.compiled.unit_slots(target.server()).map(|slot| target.at_unit(slot));
                units.for_each(|unit| {
                    self.unit_rules(unit, Reach::Broadcast);
                });
                continue;
            }
            self.unit_rules(*target, Reach::Unit(*id));
        }
    }

    fn build(&self, server: usize, slot: usize, reach: Reach) -> UnitRules {
        let all = self.conduit().map(|conduit| conduit.rules.as_slice()).unwrap_or_default();
        let matches = |index: &&usize| match (all.get(**index), self.server(server)) {
            (Some(rule), Some(here)) => rule.matches_unit((server, here), reach),
            _ => false,
        };
        let matching: Vec<_> = self.matching.iter().filter(matches).copied().collect();
        let points = self.compiled.unit(slot).map(|unit| Arc::clone(&unit.points)).unwrap_or_default();
        UnitRules::new(Matching { all, matching: &matching }, &points)
    }

    fn server(&self, server: usize) -> Option<&Server> {
        self.compiled.document.servers.get(server)
    }
}

fn listener_servers(compiled: &Compiled, (conduit, listener): (usize, usize)) -> Vec<usize> {
    let conduit = compiled.document.conduits.get(conduit);
    let listener: Option<&Listener> = conduit.and_then(|conduit| conduit.listeners.get(listener));
    listener.map(|listener| listener.servers.clone()).unwrap_or_default()
}

fn matching(compiled: &Compiled, conduit: usize, principal: &Principal) -> Vec<usize> {
    let rules = compiled.conduits.get(conduit).map(|conduit| conduit.rules.as_slice()).unwrap_or_default();
    let matches = |(index, rule): (usize, &CompiledRule)| {
        let both = rule.matches_client(principal.address) && rule.matches_role(principal.role.as_deref());
        both.then_some(index)
    };
    rules.iter().enumerate().filter_map(matches).collect()
}

/// Every declared unit id; and 0, where exactly one gateway stands behind the listener.
fn targets(compiled: &Compiled, servers: &[usize]) -> BTreeMap<u8, Target> {
    let mut targets = BTreeMap::new();
    let mut gateways = Vec::new();
    for (leg, index) in servers.iter().enumerate() {
        let Some(server) = compiled.document.servers.get(*index) else {
            continue;
        };
        for (unit, slot) in server.units.iter().zip(compiled.unit_slots(*index)) {
            let target = Target::new(compiled.generation, (leg, *index), Some(slot));
            targets.extend(unit.unit_ids.iter().map(|id| (*id, target)));
        }
        if server.gateway {
            gateways.push(Target::new(compiled.generation, (leg, *index), None));
        }
    }
    if let [gateway] = gateways.as_slice() {
        targets.entry(0).or_insert(*gateway);
    }
    targets
}
