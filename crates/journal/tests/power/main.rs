//! *Invariant tested: whenever the power goes, every row reported durable is in what is left, the journal
//! opens, and nothing that a cut leaves is taken for tampering.*

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

mod life;
mod model;
#[path = "../harness/rows.rs"]
mod rows;
#[path = "../harness/seeds.rs"]
mod seeds;

use journal::Options;
use life::Life;
use model::Model;
use storage_double::{Disk, Random};

#[test]
fn a_power_cut_at_any_moment_loses_no_row_reported_durable_and_leaves_what_verifies() {
    seeds::each_seed(200, |seed| cut_again_and_again(seed, false));
}

#[test]
fn a_disk_that_fails_and_fills_up_before_the_power_goes_leaves_no_less() {
    seeds::each_seed(100, |seed| cut_again_and_again(seed, true));
}

#[test]
fn a_last_write_torn_in_any_way_is_set_aside_and_neither_believed_nor_called_tampering() {
    let mut random = Random::new(1);
    let life = Life::draw(&mut random, false);
    for steps in 0..3 {
        let (disk, mut model) = (Disk::new(), Model::default());
        life.torn_at(&disk, &mut model, steps);
        (0..60).for_each(|seed| {
            let left = disk.power_cut(seed);
            let mut model = model.clone();
            model.check(&left, &life, &format!("torn {steps} steps on, seed {seed}"));
            life.open_write_close(&left, &mut model);
            model.check(&left, &life, &format!("torn {steps} steps on, seed {seed}, and started again"));
        });
    }
}

#[test]
fn a_start_torn_at_any_of_its_steps_is_followed_by_one_that_works() {
    let life = Life::draw(&mut Random::new(2), false);
    for (steps, is_first) in (0..30).flat_map(|steps| [(steps, true), (steps, false)]) {
        let (disk, mut model) = (Disk::new(), Model::default());
        if !is_first {
            life.open_write_close(&disk, &mut model);
        }
        life.start_until(&disk, &mut model, steps);
        (0..20).for_each(|seed| {
            let (left, mut model) = (disk.power_cut(seed), model.clone());
            model.check(&left, &life, &format!("start torn {steps} steps on, seed {seed}"));
            life.open_write_close(&left, &mut model);
            model.check(&left, &life, &format!("start torn {steps} steps on, seed {seed}, and started again"));
        });
    }
}

#[test]
fn a_segment_whose_sync_failed_is_sealed_once_whenever_the_power_goes() {
    let life = Life {
        options: Options { keep_bytes: None, ..Life::draw(&mut Random::new(3), true).options },
        has_faults: true,
    };
    for steps in 0..40 {
        let (disk, mut model) = (Disk::new(), Model::default());
        life.failed_until(&disk, &mut model, steps);
        (0..10).for_each(|seed| {
            let (left, mut model) = (disk.power_cut(seed), model.clone());
            model.check(&left, &life, &format!("failed, cut {steps} steps on, seed {seed}"));
            life.open_seal_close(&left, &mut model);
            model.check(&left, &life, &format!("failed, cut {steps} steps on, seed {seed}, and started again"));
        });
    }
}

/// Up to four lives, each ended by a cut: the later ones also while they recover from the one before.
fn cut_again_and_again(seed: u64, has_faults: bool) {
    let mut random = Random::new(seed);
    let life = Life::draw(&mut random, has_faults);
    let (mut disk, mut model) = (Disk::new(), Model::default());
    for _ in 0..=random.below(4) {
        let most = if random.one_in(3) { 30 } else { 500 };
        disk.lose_power_after(u64::try_from(random.below(most)).unwrap());
        life.run(&disk, &mut model, &mut random);
        let context = || format!("seed {seed}, after {} steps", disk.steps());
        // Or only the process dies, and the next one finds what it wrote in the system's memory.
        let is_cut = !random.one_in(4);
        let left = if is_cut { disk.power_cut(random.draw()) } else { disk.kill() };
        model.check(&left, &life, &context());
        if is_cut {
            model.remember(&left, &life);
        }
        disk = left;
    }
    disk = disk.power_cut(random.draw());
    model.remember(&disk, &life);
    for round in ["first", "second"] {
        life.open_write_close(&disk, &mut model);
        model.check(&disk, &life, &format!("seed {seed}, {round} start after the last cut"));
    }
}
