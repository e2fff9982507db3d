//! The changes that somebody could make who holds no key.

use super::super::{Dice, alter, batches, rewrite, segments};
use super::Scene;
use crate::names::SegmentName;
use crate::row::Row;
use std::fs;

impl Scene<'_> {
    /// A file of the record: a segment, the list of keys or a policy.
    pub(super) fn some_file(&mut self) -> String {
        let names: Vec<&String> = self.ground.whole.keys().collect();
        let name = names[self.dice.throw(names.len())].clone();
        self.touched.push(name.clone());
        name
    }

    pub(super) fn some_segment(&mut self) -> SegmentName {
        let names = segments(self.directory);
        let name = names[self.dice.throw(names.len())];
        self.touched.push(name.text());
        name
    }

    pub(super) fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Vec<u8>, &mut Dice)) {
        let path = self.directory.join(name);
        let mut bytes = fs::read(&path).unwrap();
        edit(&mut bytes, &mut self.dice);
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn edit_some(&mut self, edit: impl FnOnce(&mut Vec<u8>, &mut Dice)) {
        let name = self.some_file();
        self.edit(&name, edit);
    }

    pub(super) fn flip_bit(&mut self) {
        self.edit_some(|bytes, dice| {
            let at = dice.throw(bytes.len());
            bytes[at] ^= 1 << dice.throw(8);
        });
    }

    pub(super) fn set_byte(&mut self) {
        self.edit_some(|bytes, dice| {
            let at = dice.throw(bytes.len());
            bytes[at] = [0, 0xFF, b' ', b'0'][dice.throw(4)];
        });
    }

    pub(super) fn cut_end(&mut self) {
        self.edit_some(|bytes, dice| bytes.truncate(dice.throw(bytes.len())));
    }

    pub(super) fn cut_out(&mut self) {
        self.edit_some(|bytes, dice| {
            let start = dice.throw(bytes.len());
            let end = (start + 1 + dice.throw(64)).min(bytes.len());
            drop(bytes.drain(start..end));
        });
    }

    pub(super) fn double_bytes(&mut self) {
        self.edit_some(|bytes, dice| {
            let start = dice.throw(bytes.len());
            let end = (start + 8 + dice.throw(512)).min(bytes.len());
            let copy = bytes[start..end].to_vec();
            drop(bytes.splice(start..start, copy));
        });
    }

    pub(super) fn add_bytes(&mut self) {
        self.edit_some(|bytes, dice| bytes.extend((0..=dice.throw(900)).map(|number| [0, 0xA5][number % 2])));
    }

    pub(super) fn remove_file(&mut self) {
        let name = self.some_file();
        fs::remove_file(self.directory.join(name)).unwrap();
    }

    pub(super) fn swap_files(&mut self) {
        let (one, two) = (self.some_segment(), self.some_segment());
        let (left, right) = (one.within(self.directory), two.within(self.directory));
        let (ours, theirs) = (fs::read(&left).unwrap(), fs::read(&right).unwrap());
        fs::write(left, theirs).unwrap();
        fs::write(right, ours).unwrap();
    }

    /// The same rows once more, under numbers before, within or behind the rest.
    pub(super) fn double_file(&mut self) {
        let name = self.some_segment();
        let by = [1, 1_000, 1_000_000][self.dice.throw(3)];
        let copy = match name {
            SegmentName::Live { first } => SegmentName::Live { first: first + by },
            SegmentName::Sealed { first, last } => SegmentName::Sealed { first: first + by, last: last + by },
        };
        self.touched.push(copy.text());
        fs::copy(name.within(self.directory), copy.within(self.directory)).unwrap();
    }

    pub(super) fn edit_batches(&mut self, edit: impl FnOnce(&mut Vec<Vec<Row>>, &mut Dice)) {
        let name = self.some_segment();
        let mut all = batches(self.directory, name);
        if name.is_sealed() {
            // A sealed file is read in one piece; its rows are as good as batches of one.
            all = all.concat().into_iter().map(|row| vec![row]).collect();
        }
        edit(&mut all, &mut self.dice);
        all.retain(|rows| !rows.is_empty());
        rewrite(self.directory, name, &all);
    }

    pub(super) fn swap_batches(&mut self) {
        self.edit_batches(|all, dice| {
            let (one, two) = (dice.throw(all.len()), dice.throw(all.len()));
            all.swap(one, two);
        });
    }

    pub(super) fn drop_batch(&mut self) {
        self.edit_batches(|all, dice| drop(all.remove(dice.throw(all.len()))));
    }

    pub(super) fn double_batch(&mut self) {
        self.edit_batches(|all, dice| {
            let copy = all[dice.throw(all.len())].clone();
            all.insert(dice.throw(all.len() + 1), copy);
        });
    }

    pub(super) fn alter_rows(&mut self) {
        self.edit_batches(|all, dice| {
            let at = dice.throw(all.len());
            match all[at].len() {
                1 => all[at][0].event.time += 1,
                _ => {
                    alter(&mut all[at], dice);
                }
            }
        });
    }

    pub(super) fn swap_rows(&mut self) {
        let (one, two) = (self.some_segment(), self.some_segment());
        let (mut ours, mut theirs) = (batches(self.directory, one), batches(self.directory, two));
        let (here, there) = (self.dice.throw(ours.len()), self.dice.throw(theirs.len()));
        let (row, place) = (self.dice.throw(ours[here].len()), self.dice.throw(theirs[there].len()));
        std::mem::swap(&mut ours[here][row], &mut theirs[there][place]);
        rewrite(self.directory, two, &theirs);
        if one != two {
            rewrite(self.directory, one, &ours);
        }
    }

    pub(super) fn take_other_file(&mut self) {
        let theirs = self.ground.other.directory();
        let names = segments(&theirs);
        let from = names[self.dice.throw(names.len())];
        let mut alike = segments(self.directory).into_iter().filter(|name| name.is_sealed() == from.is_sealed());
        let to = alike.next_back().unwrap();
        self.touched.push(to.text());
        fs::copy(from.within(&theirs), to.within(self.directory)).unwrap();
    }

    pub(super) fn splice_other(&mut self) {
        let theirs = self.ground.other.directory();
        let names = segments(&theirs);
        let pieces = batches(&theirs, names[self.dice.throw(names.len())]);
        self.edit_batches(|all, dice| all.insert(dice.throw(all.len() + 1), pieces[dice.throw(pieces.len())].clone()));
    }

    pub(super) fn splice_own(&mut self) {
        let earlier = batches(self.directory, segments(self.directory)[0]).concat();
        let row = earlier[self.dice.throw(earlier.len())].clone();
        self.edit_batches(|all, dice| all.insert(dice.throw(all.len() + 1), vec![row]));
    }

    /// A file put back to what it held midway; where it did not exist then, it goes.
    pub(super) fn take_earlier_file(&mut self) {
        let name = self.some_file();
        let path = self.directory.join(&name);
        match self.ground.earlier.get(&name) {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }

    pub(super) fn edit_footer(&mut self) {
        let sealed: Vec<_> = segments(self.directory).into_iter().filter(|name| name.is_sealed()).collect();
        let name = sealed[self.dice.throw(sealed.len())].text();
        self.touched.push(name.clone());
        self.edit(&name, |bytes, dice| {
            let size = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
            let end = bytes.len() - 8;
            let at = end - 1 - dice.throw(usize::try_from(size).unwrap());
            bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(dice.throw(255)).unwrap());
        });
    }

    /// The last file ends with a signed row, as if nothing had come after it.
    pub(super) fn cut_back(&mut self) {
        let name = *segments(self.directory).last().unwrap();
        self.touched.push(name.text());
        let mut all = batches(self.directory, name);
        let signed = |rows: &Vec<Row>| rows.last().is_some_and(|row| row.proof.is_some());
        let ends: Vec<usize> = (0..all.len() - 1).filter(|&at| signed(&all[at])).collect();
        all.truncate(ends[self.dice.throw(ends.len())] + 1);
        // The bytes stay as they were written: only the end goes.
        let live = fs::read(name.within(self.directory)).unwrap();
        let mut frames = crate::frames::Frames::new(&*live, live.len() as u64);
        for _ in 0..all.len() {
            assert!(frames.next_frame().unwrap().is_some());
        }
        let end = usize::try_from(frames.whole_bytes()).unwrap();
        fs::write(name.within(self.directory), &live[..end]).unwrap();
    }
}
