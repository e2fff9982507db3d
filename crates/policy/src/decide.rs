//! Deciding: a request's parts, each at every address, against the rules left to try there.
//!
//! Kept true here:
//! * nothing is permitted but by a rule; what no rule names is denied;
//! * a matching `never` anywhere in the request denies all of it;
//! * every address of every part is permitted by some rule that also passes its limits there.

use crate::cells::{Candidate, Cell, UnitRules};
use crate::document::Answer;
use crate::function::Part;
use crate::guarding::{Written, check_place};
use crate::moment::Moment;
use crate::plant::Plant;
use crate::reason::Reason;
use crate::rules::{CompiledRule, Reach};
use crate::schedule::Holds;
use crate::target::Target;
use crate::verdict::{Denial, Permit, Verdict};
use crate::view::{Standing, View};
use wire::{AddressRange, Request, Span, UnitId};

/// What the verdict on one part hangs on.
struct Case<'a> {
    view: &'a View,
    rules: &'a UnitRules,
    target: Target,
    written: Option<&'a Written>,
    /// Points of this unit that the request gives more than one value.
    contradicted: Vec<usize>,
    plant: &'a Plant,
    now: Moment,
}

/// Why one rule, or all, refused; a limit that failed says more than a rule that did not hold.
struct Refusal<'a> {
    reason: Reason,
    /// The permit whose limit failed.
    rule: Option<&'a CompiledRule>,
}

// === impl View ===

impl View {
    /// Decide a request for a target of this view.
    ///
    /// Costs O(log) of the policy's rules. Whoever forwards the request tells the plant at
    /// once ([`Plant::value_forwarded`]), so that the next one is decided against it.
    pub fn decide(&self, request: &Request<'_>, target: Target, unit: UnitId, plant: &Plant, now: Moment) -> Verdict {
        if let Some(reason) = self.unnamed().filter(|_| !self.has_nevers()) {
            return Verdict::Deny(self.denial(reason));
        }
        let written = Written::of(request);
        let parts = Part::all(request);
        let case = |target, rules| Case::new((self, rules), target, written.as_ref(), (plant, now));
        let decided = if target.is_broadcast() {
            self.decide_broadcast(&parts, target, &case)
        } else {
            self.unit_rules(target, Reach::Unit(unit.0)).map(|rules| case(target, rules).decide(&parts))
        };
        match decided {
            Some(Ok(permit)) => Verdict::Permit(permit),
            Some(Err(denial)) => Verdict::Deny(self.as_named(denial)),
            None => Verdict::Deny(self.as_named(self.undeclared(unit))),
        }
    }

    /// The denial of a request for a unit id that is not declared here.
    #[must_use]
    pub fn undeclared(&self, unit: UnitId) -> Denial {
        self.denial(Reason::UnitUndeclared(unit))
    }

    /// A broadcast reaches every unit behind the gateway, so every one must permit it.
    fn decide_broadcast<'a>(
        &'a self,
        parts: &[Option<Part>; 2],
        target: Target,
        case: &impl Fn(Target, &'a UnitRules) -> Case<'a>,
    ) -> Option<Result<Permit, Denial>> {
        if let Some(part) = parts.iter().flatten().find(|part| !part.is_write) {
            return Some(Err(self.denial(Reason::Broadcast(part.name()))));
        }
        let mut permit: Option<Permit> = None;
        for slot in self.compiled.unit_slots(target.server()) {
            let unit = target.at_unit(slot);
            let decided = case(unit, self.unit_rules(unit, Reach::Broadcast)?).decide(parts);
            match decided {
                Ok(one) => permit = Some(merge(permit, &one)),
                Err(Denial { reason: Reason::FunctionUnnamed(function), .. }) => {
                    return Some(Err(self.denial(Reason::Broadcast(function))));
                }
                Err(denial) => return Some(Err(denial)),
            }
        }
        permit.map(Ok)
    }

    /// Why no permit is about this client here; `None` where one is.
    const fn unnamed(&self) -> Option<Reason> {
        match self.standing() {
            Standing::Named => None,
            Standing::ElsewhereNamed => Some(Reason::ServerUnnamed),
            Standing::LacksRole => Some(Reason::RoleUnnamed),
            Standing::Unnamed => Some(Reason::ClientUnnamed),
        }
    }

    /// Whom no permit names is told that; only a `never` says more.
    fn as_named(&self, denial: Denial) -> Denial {
        match (self.unnamed(), &denial.reason) {
            (None, _) | (_, Reason::Never(_)) => denial,
            (Some(reason), _) => self.denial(reason),
        }
    }

    fn denial(&self, reason: Reason) -> Denial {
        Denial { reason, rule: None, answer: self.default_answer() }
    }

    fn default_answer(&self) -> Answer {
        self.conduit().map_or(Answer::Exception(1), |conduit| conduit.denial)
    }

    fn rule(&self, index: usize) -> Option<&CompiledRule> {
        self.conduit()?.rules.get(index)
    }
}

fn merge(before: Option<Permit>, next: &Permit) -> Permit {
    match before {
        Some(before) => Permit::new(before.rule().clone(), before.is_essential() && next.is_essential()),
        None => next.clone(),
    }
}

// === impl Case ===

impl<'a> Case<'a> {
    fn new(
        (view, rules): (&'a View, &'a UnitRules),
        target: Target,
        written: Option<&'a Written>,
        (plant, now): (&'a Plant, Moment),
    ) -> Self {
        let contradicted = written.map(|written| written.contradicted(&rules.points)).unwrap_or_default();
        Self { view, rules, target, written, contradicted, plant, now }
    }

    fn decide(&self, parts: &[Option<Part>; 2]) -> Result<Permit, Denial> {
        if let Some(never) = parts.iter().flatten().find_map(|part| self.never(part)) {
            return Err(Denial {
                reason: Reason::Never(never.name.clone()),
                rule: Some(never.name.clone()),
                answer: never.source.denial.unwrap_or_else(|| self.view.default_answer()),
            });
        }
        let mut permit = None;
        for part in parts.iter().flatten() {
            let one = self.permit(part).map_err(|refusal| self.denial(refusal))?;
            permit = Some(merge(permit, &one));
        }
        // Every request has at least one part; one without could not be named by a rule either.
        permit.ok_or_else(|| self.view.denial(Reason::FunctionUnnamed("nothing")))
    }

    fn denial(&self, refusal: Refusal<'_>) -> Denial {
        let own = refusal.rule.and_then(|rule| rule.source.denial);
        Denial {
            reason: refusal.reason,
            rule: refusal.rule.map(|rule| rule.name.clone()),
            answer: own.unwrap_or_else(|| self.view.default_answer()),
        }
    }

    fn never(&self, part: &Part) -> Option<&'a CompiledRule> {
        let Some(span) = part.span else {
            return self.rules.plain(part).find_map(|cell| self.never_in(cell));
        };
        let (first, last) = bounds(span);
        let table = self.rules.addressed(part).filter(|table| table.has_nevers)?;
        let cells = table.cells.over(first, last);
        cells.filter_map(|(_, cell)| cell).find_map(|cell| self.never_in(cell))
    }

    fn never_in(&self, cell: &Cell) -> Option<&'a CompiledRule> {
        let nevers = cell.nevers.iter().filter_map(|index| self.view.rule(*index));
        // Where the clock is not valid, a window that forbids is taken to be open.
        nevers.into_iter().find(|rule| !matches!(self.holds(rule), Holds::No(_)))
    }

    fn permit(&self, part: &Part) -> Result<Permit, Refusal<'a>> {
        let Some(span) = part.span else {
            return self.permit_plain(part);
        };
        let table = self.rules.addressed(part).filter(|table| table.is_permitted);
        let table = table.ok_or_else(|| unnamed(Reason::FunctionUnnamed(part.name())))?;
        let (first, last) = bounds(span);
        let mut cells = table.cells.over(first, last).peekable();
        let mut permit = None;
        while let Some((start, cell)) = cells.next() {
            let end = cells.peek().map_or(last, |(next, _)| next.saturating_sub(1));
            let one = cell.map_or(Err(None), |cell| self.permit_in(cell));
            let one = one.map_err(|refusal| {
                refusal.unwrap_or_else(|| unnamed(Reason::AddressUnnamed(part.name(), piece(span, start, end))))
            })?;
            permit = Some(merge(permit, &one));
        }
        permit.ok_or_else(|| unnamed(Reason::AddressUnnamed(part.name(), span)))
    }

    fn permit_plain(&self, part: &Part) -> Result<Permit, Refusal<'a>> {
        let mut permit: Option<Permit> = None;
        let mut refused = None;
        for cell in self.rules.plain(part) {
            match self.permit_in(cell) {
                Ok(one) if one.is_essential() => return Ok(one),
                Ok(one) => permit = permit.or(Some(one)),
                Err(refusal) => refused = stronger(refused, refusal),
            }
        }
        permit.ok_or_else(|| refused.unwrap_or_else(|| unnamed(Reason::FunctionUnnamed(part.name()))))
    }

    /// The first rule that holds and passes its limits; `Err(None)` where there is none to try.
    fn permit_in(&self, cell: &Cell) -> Result<Permit, Option<Refusal<'a>>> {
        if let Some(permit) = &cell.at_once {
            return Ok(permit.clone());
        }
        let mut refused = None;
        for candidate in &cell.permits {
            let Some(rule) = self.view.rule(candidate.rule) else {
                continue;
            };
            match self.passes(rule, candidate, cell) {
                Ok(()) => return Ok(candidate.permit.clone()),
                Err(refusal) => refused = stronger(refused, Some(refusal)),
            }
        }
        Err(refused)
    }

    fn passes(&self, rule: &'a CompiledRule, candidate: &Candidate, cell: &Cell) -> Result<(), Refusal<'a>> {
        match self.holds(rule) {
            Holds::Yes => {}
            Holds::No(local) => return Err(unnamed(Reason::When(rule.name.clone(), local))),
            Holds::NoClock => return Err(unnamed(Reason::ClockInvalid(rule.name.clone()))),
        }
        for (place, limits) in cell.places.iter().zip(&candidate.limits) {
            let (Some(written), Some(point)) = (self.written, self.rules.points.points.get(place.point)) else {
                continue;
            };
            let past = self.plant.past(self.target, place.point);
            check_place((place, point), limits, (written, &self.contradicted), past, self.now)
                .map_err(|reason| Refusal { reason, rule: Some(rule) })?;
        }
        Ok(())
    }

    fn holds(&self, rule: &CompiledRule) -> Holds {
        let windows = rule.source.when.as_ref();
        windows.map_or(Holds::Yes, |windows| self.view.compiled.time_zone.holds(windows, self.now))
    }
}

fn unnamed<'a>(reason: Reason) -> Refusal<'a> {
    Refusal { reason, rule: None }
}

fn stronger<'a>(before: Option<Refusal<'a>>, next: Option<Refusal<'a>>) -> Option<Refusal<'a>> {
    match (before, next) {
        (Some(before), Some(next)) if before.rule.is_none() && next.rule.is_some() => Some(next),
        (Some(before), _) => Some(before),
        (None, next) => next,
    }
}

fn bounds(span: Span) -> (u32, u32) {
    (u32::from(span.range.first()), u32::from(span.range.last()))
}

/// The refused piece of a span.
fn piece(span: Span, start: u32, end: u32) -> Span {
    let range = u16::try_from(start).ok().zip(u16::try_from(end - start + 1).ok());
    let range = range.and_then(|(first, quantity)| AddressRange::new(first, quantity));
    Span { range: range.unwrap_or(span.range), ..span }
}
